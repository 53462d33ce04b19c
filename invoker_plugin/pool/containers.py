"""All containers of the pool, and the memory they are charged together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from invoker_plugin.pool.container import Container, State
from invoker_plugin.pool.job import ActionKey, Job, Policy

REMEMBERED = 1000


class Containers:
    """The containers by number and by action key; memory is counted, never remembered."""

    def __init__(self, limit_mb: int) -> None:
        self.limit_mb = limit_mb
        self._by_number: dict[int, Container] = {}
        self._by_key: dict[ActionKey, list[Container]] = {}
        self._created = 0
        self._gone: OrderedDict[ActionKey, str] = OrderedDict()

    def __iter__(self) -> Iterator[Container]:
        return iter(self._by_number.values())

    def __len__(self) -> int:
        return len(self._by_number)

    def get(self, number: int) -> Container | None:
        """The container of that number, unless it is gone."""
        return self._by_number.get(number)

    def of(self, key: ActionKey) -> list[Container]:
        """The containers that hold the action."""
        return self._by_key.get(key, [])

    def prewarmed(self, kind: str, memory_mb: int) -> Container | None:
        """The oldest stem cell of just that kind and memory (behaviour 36)."""
        for container in self:
            same_size = container.kind == kind and container.memory_mb == memory_mb
            if same_size and container.state is State.PREWARMED and not container.doomed:
                return container
        return None

    def note_gone(self, container: Container, reason: str) -> None:
        """Remember why an action's container goes, for the line of its next cold start."""
        if container.key is None:
            return
        self._gone[container.key] = reason
        self._gone.move_to_end(container.key)
        if len(self._gone) > REMEMBERED:
            self._gone.popitem(last=False)

    @property
    def used_mb(self) -> int:
        """Memory charged now, including what is being removed but is not gone yet."""
        return sum(container.charged_mb for container in self)

    @property
    def freeing_mb(self) -> int:
        """Memory that removals and kills under way will give back."""
        freeing = 0
        for container in self:
            if container.state is State.REMOVING:
                freeing += container.charged_mb
            else:
                dying = sum(1 for worker in container.workers.values() if worker.dying)
                freeing += container.memory_mb * dying
        return freeing

    def fits(self, needed_mb: int) -> bool:
        """Whether that much more may be charged."""
        return self.used_mb + needed_mb <= self.limit_mb

    def add_prewarm(self, kind: str, memory_mb: int, now_ms: int) -> Container:
        """A new stem cell, still to be made."""
        container = Container(self._next(), kind, memory_mb, State.PREWARMING, now_ms)
        container.prewarmed = True
        self._by_number[container.number] = container
        return container

    def add_cold(self, job: Job, now_ms: int) -> Container:
        """A new container for the job, still to be made."""
        container = Container(self._next(), job.kind, job.memory_mb, State.STARTING, now_ms)
        container.single_use = job.policy is Policy.COLD
        self._by_number[container.number] = container
        self.claim(container, job, now_ms)
        return container

    def claim(self, container: Container, job: Job, now_ms: int) -> None:
        """Give a new container or a stem cell to the job's action; the job waits in it."""
        container.state = State.STARTING
        container.key = job.key
        container.gone = self._gone.get(job.key, "")
        container.policy = job.policy
        container.concurrency = max(1, job.concurrency)
        container.slots = job.wanted_slots
        container.last_used_ms = now_ms
        container.waiting.append(job)
        self._by_key.setdefault(job.key, []).append(container)

    def drop(self, container: Container) -> None:
        """Forget a container that is gone."""
        del self._by_number[container.number]
        if container.key is not None:
            same = self._by_key[container.key]
            same.remove(container)
            if not same:
                del self._by_key[container.key]

    def _next(self) -> int:
        self._created += 1
        return self._created
