"""The logs of one activation, as they go into its record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LogCollection:
    """Formatted lines (behaviour 120), notices about lost or cut logs included.

    ``complete`` False counts as a failed collection: the record and the acks are still made, then
    the container must be destroyed because its log may be out of step (behaviours 75, 117, 118).
    ``truncated`` says that the log limit cut them. A Swift container keeps activations' logs
    apart, so that its cut logs are truncated yet complete.
    """

    lines: tuple[str, ...] = ()
    complete: bool = True
    truncated: bool = False
