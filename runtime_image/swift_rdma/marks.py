"""What workers tell their template by shared memory: it is read after any end, also SIGKILL."""

from __future__ import annotations

import mmap

_MOST = 255


class Marks:
    """Two counts for each slot, written by its owner before it acts, read by the template."""

    def __init__(self, slots: int) -> None:
        self._bytes = mmap.mmap(-1, 2 * slots, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)

    def touch(self, slot: int) -> None:
        """The owner is about to use what the slot holds."""
        self._bytes[2 * slot] = 1

    def hold(self, slot: int, change: int) -> None:
        """The owner makes (1) or has destroyed (-1) an object of its own on the shared device."""
        self._bytes[2 * slot + 1] = min(_MOST, max(0, self._bytes[2 * slot + 1] + change))

    def touched(self, slot: int) -> bool:
        return self._bytes[2 * slot] != 0

    def held(self, slot: int) -> int:
        """Objects that the owner left behind: the kernel keeps them with the template's file."""
        return self._bytes[2 * slot + 1]

    def clear(self, slot: int) -> None:
        """The slot has a new life before it."""
        self._bytes[2 * slot : 2 * slot + 2] = bytes(2)
