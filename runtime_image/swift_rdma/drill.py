"""A hard try of one rung: children at once, some of them killed, slots used again and again.

The probe asks whether sharing can work at all; a drill asks whether it goes on working. Both ends
of every connection are on the one device, so no peer is needed.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from swift_rdma import probe, resources
from swift_rdma.child import Child
from swift_rdma.exchange import Endpoint
from swift_rdma.foundation import Foundation
from swift_rdma.lane import Lane
from swift_rdma.memory import Buffer, Region
from swift_rdma.shared import Shared
from swift_rdma.slot_resources import SlotResources

_PIECE = 64
_CHILD_SECONDS = 20.0
_MOST_DELAY_SECONDS = 0.05
"""A victim is killed at a random moment of so long a time from its fork."""


class Failed(Exception):
    """What was tried does not hold; the text says what happened."""


@dataclass
class Extent:
    """How much is tried, and what was done of it."""

    slots: int
    rounds: int
    writes: int
    """Of each child that is not killed."""
    deadline: float
    """Of the monotonic clock: no round begins after it."""
    chance: random.Random
    done: dict[str, int] = field(default_factory=lambda: {"rounds": 0, "killed": 0, "checked": 0})

    def next_round(self) -> bool:
        """Whether there is another; raises :class:`Failed` when there was no time for the first."""
        late = time.monotonic() >= self.deadline
        if late and not self.done["rounds"]:
            raise Failed("no time was left for it: allow it more seconds")
        if late or self.done["rounds"] >= self.rounds:
            return False
        self.done["rounds"] += 1
        return True

    def victims(self) -> frozenset[int]:
        """The slots whose child is killed in this round: none in the first, then every other."""
        number = self.done["rounds"]
        return frozenset(slot for slot in range(self.slots) if number > 1 and (slot + number) % 2)

    def __str__(self) -> str:
        done = self.done
        return (
            f"{done['rounds']} rounds of {self.slots} children at once, {done['checked']} writes"
            f" checked, {done['killed']} children killed"
        )


def run_children(works: Iterable[Callable[[int | None], object]], extent: Extent) -> None:
    """Fork all, kill the victims, wait; raises :class:`Failed` when one of the others failed.

    A work gets the number of its writes, None for one that is to be killed.
    """
    victims = extent.victims()
    children: dict[int, Child] = {}
    for slot, work in enumerate(works):
        count = None if slot in victims else extent.writes
        children[slot] = Child(lambda work=work, count=count: work(count))  # type: ignore[misc]
    for slot in extent.chance.sample(sorted(victims), len(victims)):
        time.sleep(extent.chance.uniform(0, _MOST_DELAY_SECONDS))
        children[slot].kill()
    failures = {slot: child.failure(_CHILD_SECONDS) for slot, child in children.items()}
    for slot, failure in failures.items():
        if slot in victims:
            extent.done["killed"] += 1
            if failure is None or "SIGKILL" not in failure:
                raise Failed(f"slot {slot}: a child that was to be killed: {failure}")
        elif failure is not None:
            raise Failed(f"slot {slot}: {failure}")
        else:
            extent.done["checked"] += extent.writes


class SlotDrill:
    """What the runtime does on the rungs ``connected`` and ``shared``."""

    def __init__(self, foundation: Foundation, extent: Extent, *, connected: bool) -> None:
        self._foundation = foundation
        self._extent = extent
        self._connected = connected

    def run(self) -> None:
        """All rounds, then the parent itself in each slot; raises :class:`Failed`."""
        shared = Shared(self._foundation, self._extent.slots, (), "shared")
        try:
            while self._extent.next_round():
                self._round(shared)
            self._reuse(shared)
        finally:
            shared.close()

    def _round(self, shared: Shared) -> None:
        with ExitStack() as undo:
            seats = [self._seat(shared, slot, undo) for slot in range(self._extent.slots)]
            run_children([seat.work for seat in seats], self._extent)
        while shared.step():
            pass

    def _reuse(self, shared: Shared) -> None:
        """A slot that children have had is as good as new, for the process that made it too."""
        with ExitStack() as undo:
            for slot in range(self._extent.slots):
                self._seat(shared, slot, undo).work(1)

    def _seat(self, shared: Shared, slot: int, undo: ExitStack) -> _Seat:
        provider = shared.take(slot)
        undo.callback(shared.give_back, slot)
        seat = _Seat(self._foundation, provider, connected=self._connected)
        undo.callback(seat.close)
        return seat


class _Seat:
    """One slot, and a far end for it on the same device."""

    def __init__(self, foundation: Foundation, provider: SlotResources, *, connected: bool) -> None:
        domain = foundation.protection_domain
        self._provider = provider
        self._lane = provider.lane()
        self._memory = Region(domain, _PIECE, "REMOTE_WRITE", "REMOTE_READ")
        self._far = Lane(foundation.place, domain)
        self._far.connect(self._lane.endpoint())
        self._remote = self._far.endpoint(self._memory)
        self._ready = connected
        if connected:
            self._lane.connect(self._remote)

    def work(self, count: int | None) -> None:
        """Write, read back and compare ``count`` times, for ever for None."""
        buffer = self._provider.region(_PIECE)
        if bytes(buffer.view) != bytes(_PIECE):
            raise Failed("the slot's memory still holds what its last owner left")
        if not self._ready:
            self._lane.connect(self._remote)
        exercise(self._lane, buffer, self._memory, self._remote, count)

    def close(self) -> None:
        self._far.close()
        self._memory.close()


def exercise(
    lane: Lane, buffer: Buffer, memory: Region, remote: Endpoint, count: int | None
) -> None:
    """Write random bytes to ``memory``, see them there, and read them back."""
    where = (remote.address, remote.remote_key)
    while count is None or count > 0:
        pattern = os.urandom(_PIECE)
        buffer.view[:] = pattern
        lane.transfer("RDMA_WRITE", buffer, _PIECE, probe.TRANSFER_SECONDS, where)
        if bytes(memory.view) != pattern:
            raise Failed("the device wrote other bytes than the child's")
        buffer.view[:] = bytes(_PIECE)
        lane.transfer("RDMA_READ", buffer, _PIECE, probe.TRANSFER_SECONDS, where)
        if bytes(buffer.view) != pattern:
            raise Failed("the device read other bytes than it had written")
        count = None if count is None else count - 1


def inherited(foundation: Foundation, extent: Extent) -> None:
    """Children make queue pairs of their own on the device that this process opened."""
    opened = (foundation.place, foundation.protection_domain)
    while extent.next_round():
        run_children([_paired(lambda: opened)] * extent.slots, extent)


def own(device: str, extent: Extent) -> None:
    """Children open the device for themselves, as on the rungs ``cached`` and ``stock``."""

    def opened() -> tuple[Any, Any]:
        where = resources.open_place(device)
        return where, resources.new_protection_domain(where.context)

    while extent.next_round():
        run_children([_paired(opened)] * extent.slots, extent)


def _paired(begin: Callable[[], tuple[Any, Any]]) -> Callable[[int | None], None]:
    def work(count: int | None) -> None:
        pair = probe.LoopbackPair(*begin())
        try:
            while count is None or count > 0:
                pair.write()
                count = None if count is None else count - 1
        finally:
            pair.close()

    return work
