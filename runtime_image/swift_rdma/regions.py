"""The memory server's regions: one of each client's own, or shared by name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from swift_rdma import resources
from swift_rdma.lane import Lane, Place
from swift_rdma.memory import Region

_REMOTE = ("REMOTE_WRITE", "REMOTE_READ")


class ServedRegion:
    """Memory in a protection domain of its own, so that no other client's key reaches it."""

    def __init__(self, where: Place, length: int) -> None:
        self._place = where
        self._protection_domain = resources.new_protection_domain(where.context)
        self.memory = Region(self._protection_domain, length, *_REMOTE)

    def lane(self) -> Lane:
        """A queue pair through which a client reaches the memory."""
        return Lane(self._place, self._protection_domain)

    def checksum(self, offset: int, length: int) -> str:
        """SHA-256 of a part, in hex."""
        return hashlib.sha256(self.memory.view[offset : offset + length]).hexdigest()

    def close(self) -> None:
        """Free it; its lanes are closed before."""
        self.memory.close()
        self._protection_domain.close()


@dataclass(frozen=True)
class Seat:
    """What one client gets: memory, and a queue pair of its own to it."""

    region: ServedRegion
    lane: Lane
    shared: bool

    def close(self) -> None:
        """Free what is this client's alone."""
        self.lane.close()
        if not self.shared:
            self.region.close()


class Regions:
    """Makes regions of one size; shared ones live as long as the server.

    A few seats are made ahead: registering memory is most of what a client would wait for.
    """

    def __init__(self, where: Place, length: int, spare: int) -> None:
        self._place = where
        self._length = length
        self._most_spare = spare
        self._spare: list[Seat] = []
        self._shared: dict[str, ServedRegion] = {}

    def fill(self) -> bool:
        """Make one seat ahead; False when there are enough."""
        if len(self._spare) >= self._most_spare:
            return False
        self._spare.append(self._new())
        return True

    def take(self, name: str | None) -> Seat:
        """A seat at the shared region of that name, or at a new one of the client's own."""
        if name is None:
            return self._spare.pop() if self._spare else self._new()
        if name not in self._shared:
            self._shared[name] = ServedRegion(self._place, self._length)
        region = self._shared[name]
        return Seat(region, region.lane(), shared=True)

    def _new(self) -> Seat:
        region = ServedRegion(self._place, self._length)
        try:
            return Seat(region, region.lane(), shared=False)
        except BaseException:
            region.close()
            raise

    def close(self) -> None:
        """Free all that no client holds."""
        for seat in self._spare:
            seat.close()
        for region in self._shared.values():
            region.close()
        self._spare.clear()
        self._shared.clear()
