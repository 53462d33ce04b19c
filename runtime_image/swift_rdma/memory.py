"""Registered memory: shared anonymous mappings, so that a fork never copies pinned pages."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any, Protocol

from swift_rdma import errors, phases, verbs


class Buffer(Protocol):
    """Registered memory, or a part of it, as connections use it."""

    length: int
    address: int
    view: memoryview
    mr: Any

    @property
    def local_key(self) -> int: ...

    @property
    def remote_key(self) -> int: ...

    def close(self) -> None:
        """Give it back."""


class Region:
    """Memory that the device may access; ``access`` is a list of ``IBV_ACCESS_`` suffixes."""

    def __init__(self, protection_domain: Any, length: int, *access: str) -> None:
        if length <= 0:
            raise ValueError(f"a region of {length} bytes")
        v = verbs.load()
        self.length = length
        self._mapping = mmap.mmap(-1, length, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
        self._anchor = ctypes.c_char.from_buffer(self._mapping)
        self.address = ctypes.addressof(self._anchor)
        self.view = memoryview(self._mapping)
        flags = v.names.IBV_ACCESS_LOCAL_WRITE
        for name in access:
            flags |= getattr(v.names, f"IBV_ACCESS_{name}")
        try:
            with phases.phase("registration"):
                self.mr = v.MR(protection_domain, length, flags, address=self.address)
        except v.Error as error:
            self._unmap()
            raise errors.not_lockable(length, verbs.number_of(error)) from error

    @property
    def local_key(self) -> int:
        return int(self.mr.lkey)

    @property
    def remote_key(self) -> int:
        return int(self.mr.rkey)

    def close(self) -> None:
        """Deregister and unmap; views that the user still holds keep the mapping alive."""
        self.mr.close()
        self._unmap()

    def _unmap(self) -> None:
        del self._anchor
        self.view.release()
        try:
            self._mapping.close()
        except BufferError:
            return  # a view on it lives: the garbage collector unmaps it afterwards
