"""Bounds of histograms, in seconds: from a fork's share of a millisecond to the longest action."""

from __future__ import annotations

PREFIX = "swift_invoker_"

SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
