"""Errors of the devstack; the text of each is one line: what was wrong and what to do."""

from __future__ import annotations


class DevstackError(Exception):
    """Something the devstack needs is not to be had, or did not do what it should."""


class NotRunning(DevstackError):
    """A part of the devstack was asked for that is not up."""


class NotReady(DevstackError):
    """A process that runs did not become ready within its time."""
