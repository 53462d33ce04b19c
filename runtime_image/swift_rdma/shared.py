"""The template's side of sharing: slots made before the fork, renewed after their worker's end."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from swift_rdma import arena, dial
from swift_rdma.arena import Arena
from swift_rdma.declared import Declared
from swift_rdma.dial import Ahead
from swift_rdma.errors import RdmaError
from swift_rdma.foundation import Foundation
from swift_rdma.ladder import RUNGS
from swift_rdma.lane import Lane
from swift_rdma.marks import Marks
from swift_rdma.peer import Peer
from swift_rdma.slot_resources import SlotResources
from swift_rdma.slot_table import SlotTable

MOST_AHEAD = 128
"""Connections made ahead at most: each is a descriptor in the template and all of its workers."""
_CONNECT_SECONDS = 1.0
"""How long a peer may keep the template, which can't fork meanwhile, from its work."""


@dataclass
class Slot:
    """What one worker finds ready."""

    lane: Lane
    ahead: dict[Peer, Ahead] = field(default_factory=dict)


class Shared:
    """All slots of a template, on one opened device, in one registered arena."""

    def __init__(self, foundation: Foundation, slots: int, peers: Sequence[str], best: str) -> None:
        self.failures: dict[Peer, str] = {}
        """Why a declared peer is not connected to."""
        self._foundation = foundation
        self._peers = Declared(peers if best == RUNGS[0] else ())
        self._marks = Marks(slots)
        self._tainted = False
        length = arena.slice_bytes(os.environ.get(arena.SLICE_VARIABLE))
        self._arena = Arena(foundation.protection_domain, slots, length)
        self._table = SlotTable(slots, self._make, self._discard)
        try:
            self._table.renew(0)
            for peer in self._peers.peers:
                self._connect(self._table.ready()[0], peer)
        except BaseException:
            self.close()
            raise

    @property
    def rung(self) -> str:
        """What a worker gets: ``connected`` when a declared peer is connected to."""
        return "connected" if len(self.failures) < len(self._peers.peers) else "shared"

    @property
    def reason(self) -> str | None:
        """Why it is not ``connected``, in words."""
        failures = [*self._peers.faults, *self.failures.values()]
        if not self._peers.peers and not failures:
            return "no rdma-peers are declared"
        return "; ".join(failures) or None

    def take(self, slot: int) -> SlotResources:
        """The provider for the worker that is about to be forked into ``slot``."""
        held = self._table.take(slot)
        return SlotResources(
            self._foundation.place,
            self._foundation.protection_domain,
            [held.lane],
            held.ahead,
            self._arena.slice(slot),
            self._marks,
            slot,
        )

    def give_back(self, slot: int) -> None:
        """The worker of ``slot`` is gone."""
        self._tainted = self._tainted or self._marks.held(slot) > 0
        self._table.give_back(slot, untouched=not self._marks.touched(slot))

    @property
    def tainted(self) -> bool:
        """Whether dead workers left objects on the device."""
        return self._tainted

    @property
    def spoilt(self) -> bool:
        """Whether dead workers left objects on the device, and it can be opened anew now."""
        return self._tainted and self._table.idle

    def step(self) -> bool:
        """Do one piece of work for later forks; False when there is none now."""
        slot = self._table.to_renew()
        if slot is not None:
            self._table.renew(slot)
            return True
        wanted = self._unconnected()
        if wanted is None:
            return False
        self._connect(*wanted)
        return True

    def due_seconds(self) -> float | None:
        """Seconds until there is work: 0 for now, None when nothing is to be waited for."""
        if self._table.to_renew() is not None or self._unconnected() is not None:
            return 0.0
        return self._peers.next_due(time.monotonic())

    def _unconnected(self) -> tuple[Slot, Peer] | None:
        ready = self._table.ready().values()
        if sum(len(slot.ahead) for slot in ready) >= MOST_AHEAD:
            return None
        due = self._peers.due(time.monotonic())
        return next(
            ((slot, peer) for slot in ready for peer in due if peer not in slot.ahead), None
        )

    def _connect(self, slot: Slot, peer: Peer) -> None:
        try:
            lane = self._lane()
            try:
                slot.ahead[peer] = dial.ahead(peer, lane, _CONNECT_SECONDS)
            except BaseException:
                lane.close()
                raise
        except RdmaError as error:
            # the action will meet it too, with this text, if it connects there at all
            self.failures[peer] = str(error)
            self._peers.failed(peer, time.monotonic())
        else:
            self.failures.pop(peer, None)
            self._peers.reached(peer)

    def _lane(self) -> Lane:
        return Lane(self._foundation.place, self._foundation.protection_domain)

    def _make(self, slot: int) -> Slot:
        self._marks.clear(slot)
        return Slot(self._lane())

    def _discard(self, slot: int, held: Slot) -> None:
        """Destroy rather than reset: a killed worker may have left requests half posted.

        New queue pairs have new numbers too, so nothing that is under way reaches the next owner.
        """
        for connected in held.ahead.values():
            connected.close()
        held.lane.close()
        self._arena.zero(slot)

    def close(self) -> None:
        """Free everything but the foundation."""
        self._table.close()
        self._arena.close()
