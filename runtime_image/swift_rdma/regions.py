"""The memory server's regions: one of each client's own, or shared by name."""

from __future__ import annotations

import hashlib
from typing import Any

from swift_rdma import resources
from swift_rdma.memory import Region

_REMOTE = ("REMOTE_WRITE", "REMOTE_READ")


class ServedRegion:
    """Memory in a protection domain of its own, so that no other client's key reaches it."""

    def __init__(self, context: Any, length: int) -> None:
        self.protection_domain = resources.new_protection_domain(context)
        self.memory = Region(self.protection_domain, length, *_REMOTE)

    def checksum(self, offset: int, length: int) -> str:
        """SHA-256 of a part, in hex."""
        return hashlib.sha256(self.memory.view[offset : offset + length]).hexdigest()

    def close(self) -> None:
        self.memory.close()
        self.protection_domain.close()


class Regions:
    """Makes regions of one size; shared ones live as long as the server.

    A few are made ahead: registering memory is most of what a client would wait for.
    """

    def __init__(self, context: Any, length: int, spare: int) -> None:
        self.length = length
        self._context = context
        self._shared: dict[str, ServedRegion] = {}
        self._most_spare = spare
        self._spare: list[ServedRegion] = []

    def fill(self) -> bool:
        """Make one region ahead; False when there are enough."""
        if len(self._spare) >= self._most_spare:
            return False
        self._spare.append(ServedRegion(self._context, self.length))
        return True

    def take(self, name: str | None) -> ServedRegion:
        """The shared region of that name, or a new one of the client's own."""
        if name is None:
            return self._spare.pop() if self._spare else ServedRegion(self._context, self.length)
        if name not in self._shared:
            self._shared[name] = ServedRegion(self._context, self.length)
        return self._shared[name]

    def release(self, region: ServedRegion) -> None:
        """A client has left: what was its own is freed."""
        if region not in self._shared.values():
            region.close()

    def close(self) -> None:
        for region in [*self._shared.values(), *self._spare]:
            region.close()
        self._shared.clear()
        self._spare.clear()
