"""The template's side where workers only inherit the opened device: no slot is made ahead."""

from __future__ import annotations

from swift_rdma.foundation import Foundation
from swift_rdma.marks import Marks
from swift_rdma.slot_resources import SlotResources


class Inheritable:
    """Stands in for :class:`swift_rdma.shared.Shared` one rung down."""

    rung = "inherited"
    reason: str | None = None

    def __init__(self, foundation: Foundation, slots: int) -> None:
        self._foundation = foundation
        self._marks = Marks(slots)
        self._owned: set[int] = set()
        self._tainted = False

    def take(self, slot: int) -> SlotResources:
        self._marks.clear(slot)
        self._owned.add(slot)
        place, domain = self._foundation.place, self._foundation.protection_domain
        return SlotResources(place, domain, [], {}, None, self._marks, slot)

    def give_back(self, slot: int) -> None:
        self._tainted = self._tainted or self._marks.held(slot) > 0
        self._owned.discard(slot)

    @property
    def tainted(self) -> bool:
        """Whether dead workers left objects on the device."""
        return self._tainted

    @property
    def spoilt(self) -> bool:
        return self._tainted and not self._owned

    def step(self) -> bool:
        return False

    def due_seconds(self) -> float | None:
        return None

    def close(self) -> None:
        """Nothing is held but the foundation."""
