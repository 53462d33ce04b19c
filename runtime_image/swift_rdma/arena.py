"""One registered, shared mapping for all slots, and each slot's slice of it.

It is MAP_SHARED: registered private memory would be copied at every fork, and the device would go
on sending the parent's old pages.
"""

from __future__ import annotations

import mmap
from typing import Any

from swift_rdma.memory import Buffer, Region

SLICE_VARIABLE = "SWIFT_RDMA_SLICE_BYTES"
"""Environment: bytes of registered memory for each slot."""
DEFAULT_SLICE_BYTES = 2 * 65536
"""The buffers of one connection: what it sends, and what it receives."""
_ALIGNMENT = 64


class Carver:
    """Hands out parts of ``length`` bytes: offsets, first fit. Pure."""

    def __init__(self, length: int) -> None:
        self._free: list[tuple[int, int]] = [(0, length)] if length else []

    def take(self, length: int) -> int | None:
        """The offset of a part of that length; None when no gap is large enough."""
        size = _rounded(length, _ALIGNMENT)
        for index, (start, end) in enumerate(self._free):
            if end - start >= size:
                self._free[index : index + 1] = [(start + size, end)] if end - start > size else []
                return start
        return None

    def give(self, offset: int, length: int) -> None:
        """Take a part back; neighbouring gaps become one."""
        gaps = sorted([*self._free, (offset, offset + _rounded(length, _ALIGNMENT))])
        joined = gaps[:1]
        for start, end in gaps[1:]:
            if start < joined[-1][1]:
                raise ValueError(f"bytes from {offset} are free already")
            if start == joined[-1][1]:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        self._free = joined


def slice_bytes(text: str | None) -> int:
    """The size of a slice as the environment has it, in whole pages; raises ValueError."""
    if not text:
        return DEFAULT_SLICE_BYTES
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise ValueError(f"{SLICE_VARIABLE} is {text!r}; set it to a number of bytes, 1 or more")
    return _rounded(int(text), mmap.PAGESIZE)


class Arena:
    """The registered memory of all slots. For local use only: no peer's key reaches it."""

    def __init__(self, protection_domain: Any, slots: int, length: int) -> None:
        self._length = length
        self._region = Region(protection_domain, slots * length)

    def slice(self, slot: int) -> Slice:
        """A worker's part; the worker alone keeps account of it."""
        return Slice(self._region, slot * self._length, self._length)

    def zero(self, slot: int) -> None:
        """Wipe what the slot's last owner left."""
        start = slot * self._length
        self._region.view[start : start + self._length] = bytes(self._length)

    def close(self) -> None:
        self._region.close()


class Slice:
    """One slot's part of the arena, carved into buffers by its owner."""

    def __init__(self, region: Region, start: int, length: int) -> None:
        self._region = region
        self._start = start
        self._carver = Carver(length)

    def buffer(self, length: int) -> Buffer | None:
        """A part for one connection; None when there is no room."""
        offset = self._carver.take(length)
        return None if offset is None else _Part(self, self._region, offset, length)

    @property
    def start(self) -> int:
        return self._start

    def give(self, offset: int, length: int) -> None:
        self._carver.give(offset, length)


class _Part:
    """A buffer in a slice; see :class:`swift_rdma.memory.Buffer`."""

    def __init__(self, owner: Slice, region: Region, offset: int, length: int) -> None:
        start = owner.start + offset
        self.length = length
        self.address = region.address + start
        self.view = region.view[start : start + length]
        self.mr = region.mr
        self.local_key = region.local_key
        self.remote_key = region.remote_key
        self._owner = owner
        self._offset = offset

    def close(self) -> None:
        self._owner.give(self._offset, self.length)


def _rounded(length: int, unit: int) -> int:
    return (length + unit - 1) // unit * unit
