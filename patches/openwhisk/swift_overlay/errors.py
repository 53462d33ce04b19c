"""What stops an overlay: always something that the operator can put right."""

from __future__ import annotations


class OverlayError(Exception):
    """One line: what is not as it should be, and what to do."""
