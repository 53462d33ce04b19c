"""Finds out by trying whether a forked child can use what its parent opened.

A driver's name says nothing of it: the kernel, the library and its patches all have a part. On
stock rxe a child's doorbell is refused; on mlx5 with private queue buffers the adapter would do
stale work, and nothing ever completes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from swift_rdma.child import Child
from swift_rdma.lane import Lane, Place
from swift_rdma.memory import Region

TRANSFER_SECONDS = 2.0
CHILD_SECONDS = 4.0
_BYTES = 64


class LoopbackPair:
    """Two queue pairs of one device connected to each other, and memory on both ends."""

    def __init__(self, where: Place, protection_domain: Any) -> None:
        self._open: list[Lane | Region] = []
        try:
            self._source = self._keep(Region(protection_domain, _BYTES))
            self._target = self._keep(Region(protection_domain, _BYTES, "REMOTE_WRITE"))
            self._here = self._keep(Lane(where, protection_domain))
            there = self._keep(Lane(where, protection_domain))
            self._here.connect(there.endpoint())
            there.connect(self._here.endpoint())
        except BaseException:
            self.close()
            raise

    def _keep(self, made: Any) -> Any:
        self._open.append(made)
        return made

    def write(self) -> None:
        """Write random bytes from one end to the other; raises when they do not arrive."""
        pattern = os.urandom(_BYTES)
        self._source.view[:] = pattern
        remote = (self._target.address, self._target.remote_key)
        self._here.transfer("RDMA_WRITE", self._source, _BYTES, TRANSFER_SECONDS, remote)
        if bytes(self._target.view) != pattern:
            raise OSError("the device wrote other bytes than the child's")

    def close(self) -> None:
        """Destroy both."""
        for made in reversed(self._open):
            made.close()
        self._open.clear()


def shared(where: Place, protection_domain: Any) -> str | None:
    """Whether a child can post to its parent's queue pair; None, or why not."""
    pair = LoopbackPair(where, protection_domain)
    try:
        return in_child(pair.write)
    finally:
        pair.close()


def inherited(where: Place, protection_domain: Any) -> str | None:
    """Whether a child can make and use queue pairs on its parent's device; None, or why not."""

    def work() -> None:
        pair = LoopbackPair(where, protection_domain)
        try:
            pair.write()
        finally:
            # on the parent's file the kernel would keep them for as long as the parent lives
            pair.close()

    return in_child(work)


def in_child(work: Callable[[], object], timeout_s: float = CHILD_SECONDS) -> str | None:
    """Do ``work`` in a forked child; None, or the first line of how it failed."""
    return Child(work).failure(timeout_s)
