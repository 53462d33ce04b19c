"""How the way of records into the store is going: for metrics, and for who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordFigures:
    """A moment's figures. The last three count since the start of the process.

    ``waiting``: records that the store does not have yet, in memory or on disk.
    ``memory_bytes``, ``disk_bytes``: what they take there (files are deleted as a whole).
    ``oldest_ms``: for how long the first of them has waited, also in an earlier process.
    ``disk_failing``: records cannot be written to disk now, so that acks wait for the store.
    ``stored``: records that the store has. ``refused``: records that the store takes in no form,
    kept in ``refused.log``. ``dropped``: records that are lost.
    """

    waiting: int
    memory_bytes: int
    disk_bytes: int
    oldest_ms: int
    disk_failing: bool
    stored: int
    refused: int
    dropped: int
