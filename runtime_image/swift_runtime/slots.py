"""Slots: numbers from 0 up, each owned by one worker while it lives."""

from __future__ import annotations

import heapq


class NoFreeSlot(Exception):
    """Every slot is owned by a living worker."""


class Slots:
    """Hands out the lowest free number below ``count``."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = list(range(count))

    def take(self) -> int:
        """The lowest free slot; raises :class:`NoFreeSlot`."""
        if not self._free:
            raise NoFreeSlot
        return heapq.heappop(self._free)

    def release(self, slot: int) -> None:
        """Give a slot back, after its worker is gone."""
        if slot in self._free or not 0 <= slot < self.count:
            raise ValueError(f"slot {slot} is not in use")
        heapq.heappush(self._free, slot)
