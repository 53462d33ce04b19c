"""Where an activation goes: by memory, over healthy invokers, near a home of its own. Pure.

As OpenWhisk's sharding balancer does it: an action's name decides where the search begins and in
which steps it goes on, so that one action's activations meet warm containers. When nobody has room
the activation is queued at a random healthy invoker, which buffers it.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from devstack.controller.pings import Ping


@dataclass(frozen=True)
class _Group:
    """Activations that may share containers: ``concurrency`` of them pay for one."""

    instance: int
    action: str
    memory_mb: int
    concurrency: int


@dataclass(frozen=True)
class Placement:
    """What one activation holds at one invoker."""

    group: _Group
    overloaded: bool
    """True when no invoker had room, so that it will wait in the invoker's buffer."""

    @property
    def instance(self) -> int:
        """The invoker's number."""
        return self.group.instance


class Balancer:
    """Memory in use by invoker, and the choice of the next."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._used_mb: dict[int, int] = {}
        self._running: dict[_Group, int] = {}
        self._chance = chance or random.Random()

    def place(
        self, action: str, memory_mb: int, concurrency: int, healthy: Sequence[Ping]
    ) -> Placement | None:
        """Choose an invoker and take its memory; None when there is no healthy one."""
        if not healthy:
            return None
        for invoker in _in_order(action, healthy):
            group = _Group(invoker.instance, action, memory_mb, concurrency)
            if self._fits(group, invoker.memory_mb):
                return self._take(group, overloaded=False)
        unlucky = self._chance.choice(list(healthy))
        group = _Group(unlucky.instance, action, memory_mb, concurrency)
        return self._take(group, overloaded=True)

    def release(self, placement: Placement) -> None:
        """Give back what :meth:`place` took."""
        group = placement.group
        before = self._containers(group)
        self._running[group] -= 1
        self._used_mb[group.instance] -= (before - self._containers(group)) * group.memory_mb
        if not self._running[group]:
            del self._running[group]

    def used_mb(self, instance: int) -> int:
        """The memory that activations hold at an invoker, in MiB."""
        return self._used_mb.get(instance, 0)

    def _fits(self, group: _Group, memory_mb: int) -> bool:
        if self._running.get(group, 0) % group.concurrency:
            return True  # a container that is already paid for has a place free
        return self.used_mb(group.instance) + group.memory_mb <= memory_mb

    def _take(self, group: _Group, overloaded: bool) -> Placement:
        before = self._containers(group)
        self._running[group] = self._running.get(group, 0) + 1
        added = self._containers(group) - before
        self._used_mb[group.instance] = self.used_mb(group.instance) + added * group.memory_mb
        return Placement(group, overloaded)

    def _containers(self, group: _Group) -> int:
        return math.ceil(self._running.get(group, 0) / group.concurrency)


def _in_order(action: str, healthy: Sequence[Ping]) -> list[Ping]:
    """Every invoker once, from the action's home, in steps coprime to their number."""
    count = len(healthy)
    number = int.from_bytes(hashlib.sha256(action.encode("utf-8")).digest()[:8], "big")
    steps = [step for step in range(1, count + 1) if math.gcd(step, count) == 1]
    step = steps[number % len(steps)]
    return [healthy[(number + index * step) % count] for index in range(count)]
