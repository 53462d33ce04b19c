"""Which slots are ready, owned by a worker, or to be made anew. Pure: making is done by others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Held = TypeVar("Held")


class SlotTable(Generic[Held]):
    """``count`` slots; each holds what ``make`` made for it and is used by one worker at most."""

    def __init__(
        self, count: int, make: Callable[[int], Held], discard: Callable[[int, Held], None]
    ) -> None:
        self.count = count
        self._make = make
        self._discard = discard
        self._ready: dict[int, Held] = {}
        self._owned: dict[int, Held] = {}
        self._used: dict[int, Held] = {}
        """Given back, and not yet discarded."""

    def take(self, slot: int) -> Held:
        """What the slot holds, for a new owner; made now if it was not ready.

        Raises ValueError for a slot that is owned or does not exist.
        """
        if slot in self._owned or not 0 <= slot < self.count:
            raise ValueError(f"slot {slot} is owned, or is none of {self.count}")
        self.renew(slot)
        self._owned[slot] = self._ready.pop(slot)
        return self._owned[slot]

    def give_back(self, slot: int, *, untouched: bool) -> None:
        """The owner is gone. What it may have used is not handed out again."""
        if slot in self._owned:
            (self._ready if untouched else self._used)[slot] = self._owned.pop(slot)

    def renew(self, slot: int) -> None:
        """Have the slot ready: away with what was used, and new."""
        if slot in self._used:
            self._discard(slot, self._used.pop(slot))
        if slot not in self._ready:
            self._ready[slot] = self._make(slot)

    def to_renew(self) -> int | None:
        """The lowest slot that nobody owns and that is not ready; None when all are."""
        for slot in range(self.count):
            if slot not in self._ready and slot not in self._owned:
                return slot
        return None

    def ready(self) -> dict[int, Held]:
        """What is ready, by slot."""
        return dict(sorted(self._ready.items()))

    @property
    def idle(self) -> bool:
        """Whether no slot is owned."""
        return not self._owned

    def close(self) -> None:
        """Discard everything, also what is owned."""
        for held in (self._ready, self._used, self._owned):
            for slot in list(held):
                self._discard(slot, held.pop(slot))
