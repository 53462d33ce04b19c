"""A worker's provider: what its slot holds, and own objects on the inherited device beyond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swift_rdma import phases
from swift_rdma.arena import Slice
from swift_rdma.dial import Ahead
from swift_rdma.lane import Lane, Place
from swift_rdma.marks import Marks
from swift_rdma.memory import Buffer, Region
from swift_rdma.peer import Peer


class SlotResources:
    """Made in the template, used in one fork of it; see :class:`swift_rdma.resources.Resources`.

    Nothing that was made before the fork is destroyed here: it is the template's.
    """

    def __init__(
        self,
        place: Place,
        protection_domain: Any,
        lanes: list[Lane],
        ahead: dict[Peer, Ahead],
        memory: Slice | None,
        marks: Marks,
        slot: int,
    ) -> None:
        self.place = place
        self.protection_domain = protection_domain
        self.rung = _rung(lanes, ahead)
        self._lanes = list(lanes)
        self._ahead = dict(ahead)
        self._memory = memory
        self._marks = marks
        self._slot = slot
        self._inherited = [*lanes, *(connected.lane for connected in ahead.values())]

    def lane(self) -> Lane:
        self._marks.touch(self._slot)
        if self._lanes:
            phases.took("shared", "this peer was not connected to before the fork")
            return self._lanes.pop()
        phases.took("inherited", "all queue pairs of the slot are in use")
        self._hold(1)
        try:
            return Lane(self.place, self.protection_domain)
        except BaseException:
            self._hold(-1)
            raise

    def connected(self, peer: Peer) -> Ahead | None:
        self._marks.touch(self._slot)
        ahead = self._ahead.pop(peer, None)
        if ahead is None or not ahead.alive():
            return None
        phases.took("connected")
        return ahead

    def region(self, length: int) -> Buffer:
        self._marks.touch(self._slot)
        part = self._memory.buffer(length) if self._memory is not None else None
        return part or _OwnRegion(self.protection_domain, length, self._hold)

    def release(self, lane: Lane) -> None:
        if lane not in self._inherited:
            lane.close()
            self._hold(-1)
        elif lane.reset():
            self._lanes.append(lane)

    def rehearse(self) -> None:
        for lane in self._inherited:
            lane.rehearse()
        for peer, connected in self._ahead.items():
            Peer.parse(str(peer))
            connected.alive()
        part = self._memory.buffer(1) if self._memory is not None else None
        if part is not None:
            bytes(part.view)
            part.close()

    def _hold(self, change: int) -> None:
        """Tell the template of own objects: they outlive this process, should it be killed."""
        self._marks.hold(self._slot, change)


def _rung(lanes: list[Lane], ahead: dict[Peer, Ahead]) -> str:
    if ahead:
        return "connected"
    return "shared" if lanes else "inherited"


class _OwnRegion(Region):
    """Registered by the worker, where its slice has no room."""

    def __init__(self, protection_domain: Any, length: int, hold: Callable[[int], None]) -> None:
        self._hold = hold
        hold(1)
        try:
            super().__init__(protection_domain, length)
        except BaseException:
            hold(-1)
            raise

    def close(self) -> None:
        super().close()
        self._hold(-1)
