"""The pool: a pure state machine from events to effects. No clock, no I/O, no randomness.

It decides for each activation how it starts and gives memory back when others need it. The driver
feeds it events one at a time and carries the effects out. Behaviours 31-60 are held here; where
it differs from the stock invoker on purpose, ``docs/parity.md`` says why.
"""

from __future__ import annotations

from collections import deque

from invoker_plugin.pool import eviction, placement
from invoker_plugin.pool.container import Container, State, Worker
from invoker_plugin.pool.containers import Containers
from invoker_plugin.pool.effects import (
    Abort,
    Buffered,
    Effect,
    FeedMore,
    KillWorker,
    Pause,
    Remove,
    StartCold,
    StartPrewarm,
)
from invoker_plugin.pool.events import (
    ContainerFailed,
    ContainerLost,
    ContainerReady,
    ContainerRemoved,
    Event,
    JobArrived,
    JobFinished,
    JobReturned,
    PrewarmReady,
    Tick,
    WorkerGone,
)
from invoker_plugin.pool.job import Job, Policy
from invoker_plugin.pool.prewarm import Prewarmer
from invoker_plugin.pool.settings import PoolSettings


class Pool:
    """All start decisions of one invoker."""

    def __init__(self, settings: PoolSettings) -> None:
        self.settings = settings
        self.containers = Containers(settings.memory_mb)
        self.buffer: deque[Job] = deque()
        self._prewarmer = Prewarmer(settings)
        self._owed = 0

    def fits_at_all(self, job: Job) -> bool:
        """Whether the job could run here with nothing else around it."""
        return job.memory_mb + job.first_worker_mb <= self.settings.memory_mb

    def handle(self, event: Event, now_ms: int) -> list[Effect]:
        """Take one event at ``now_ms`` (never going back) and return what is to be done."""
        if isinstance(event, JobArrived):
            return self._arrived(event.job, now_ms)
        if isinstance(event, Tick):
            return self._upkeep(now_ms)
        container = self.containers.get(event.container)
        if container is None:
            return []
        effects = self._happened(event, container, now_ms)
        return effects + self._serve(now_ms)

    def _arrived(self, job: Job, now_ms: int) -> list[Effect]:
        """New jobs go behind those that wait (behaviour 44)."""
        if not self.buffer:
            placed = self._place(job, now_ms)
            if placed is not None:
                return placed
        self.buffer.append(job)
        effects: list[Effect] = [Buffered(job)]
        if len(self.buffer) == 1:
            effects += self._make_room(job)
        return effects

    def _happened(self, event: Event, container: Container, now_ms: int) -> list[Effect]:
        """Everything that happens to one container."""
        if isinstance(event, JobFinished):
            return self._finished(event, container, now_ms)
        if isinstance(event, ContainerReady):
            return self._ready(event, container, now_ms)
        if isinstance(event, ContainerFailed):
            return self._failed(container, now_ms)
        if isinstance(event, PrewarmReady):
            return self._prewarm_ready(container, now_ms)
        if isinstance(event, JobReturned):
            return self._returned(event, container)
        if isinstance(event, WorkerGone):
            container.workers.pop(event.worker, None)
            return []
        if isinstance(event, ContainerLost):
            return self._doom(container, event.reason)
        if isinstance(event, ContainerRemoved):
            self.containers.drop(container)
            return self._backfill(now_ms)
        raise TypeError(f"not an event of the pool: {event!r}")

    # -- one container's life ---------------------------------------------------------------

    def _ready(self, event: ContainerReady, container: Container, now_ms: int) -> list[Effect]:
        if container.state is not State.STARTING:
            return []
        container.state = State.READY
        container.last_used_ms = now_ms
        if container.forks:
            container.slots = min(container.slots, event.slots)
            container.note = event.reason
            if not container.forks:
                # A template that can't be forked is a container with one worker: itself.
                container.concurrency = 1
        runs, left = placement.begin_waiting(container, now_ms)
        self.buffer.extendleft(reversed(left))
        return [*runs]

    def _failed(self, container: Container, now_ms: int) -> list[Effect]:
        """Jobs that waited for it all get its failure (behaviour 79)."""
        if container.state is State.PREWARMING:
            self._prewarmer.failed(container.kind, container.memory_mb, now_ms)
        jobs, container.waiting = container.waiting, []
        self._owed += len(jobs)
        effects: list[Effect] = [Abort(container.number, job) for job in jobs]
        return effects + self._doom(container, "could not be started")

    def _prewarm_ready(self, container: Container, now_ms: int) -> list[Effect]:
        if container.state is State.PREWARMING:
            container.state = State.PREWARMED
            container.last_used_ms = now_ms
            self._prewarmer.succeeded(container.kind, container.memory_mb)
        return []

    def _finished(self, event: JobFinished, container: Container, now_ms: int) -> list[Effect]:
        job = container.running.pop(event.activation_id, None)
        if job is None:
            return []
        self._owed += 1
        container.last_used_ms = now_ms
        effects = self._release_worker(container, job, event.keep_worker, now_ms)
        if not event.keep_container:
            effects += self._doom(container, "activation failed")
        elif container.single_use:
            effects += self._doom(container, "policy cold")
        elif container.policy is Policy.WARM and not event.keep_worker and container.forks:
            effects += self._doom(container, "worker died, policy warm forks no other")
        else:
            effects += self._remove_if_done(container)
        return effects

    def _release_worker(
        self, container: Container, job: Job, keep: bool, now_ms: int
    ) -> list[Effect]:
        worker = container.worker_of(job.activation_id)
        if worker is None:
            return []
        if not keep:
            del container.workers[worker.name]
            return []
        worker.activation_id = None
        worker.last_used_ms = now_ms
        if container.policy is Policy.FORK:
            return [self._kill(container, worker, "policy fork")]
        return []

    def _returned(self, event: JobReturned, container: Container) -> list[Effect]:
        """The job keeps its place in the feed and goes first (behaviour 49)."""
        job = container.running.pop(event.activation_id, None)
        if job is None:
            return []
        worker = container.worker_of(job.activation_id)
        if worker is not None:
            del container.workers[worker.name]
        self.buffer.appendleft(job)
        if event.keep_container:
            return []
        return self._doom(container, "did not take an activation")

    def _doom(self, container: Container, reason: str) -> list[Effect]:
        if not container.doomed:
            self.containers.note_gone(container, reason)
        container.doomed = container.doomed or reason
        return self._remove_if_done(container)

    def _remove_if_done(self, container: Container) -> list[Effect]:
        """A doomed container goes when nothing is left in it (behaviours 77, 80)."""
        if not container.doomed or container.in_flight or container.state is State.REMOVING:
            return []
        container.state = State.REMOVING
        return [Remove(container.number, container.doomed)]

    def _kill(self, container: Container, worker: Worker, reason: str) -> KillWorker:
        worker.dying = True
        container.paused = False  # Its proxy must be awake to do it; the next tick pauses again.
        return KillWorker(container.number, worker.name, reason)

    # -- room ---------------------------------------------------------------------------------

    def _place(self, job: Job, now_ms: int) -> list[Effect] | None:
        placed = placement.place(self.containers, job, now_ms)
        if placed and isinstance(placed[0], StartCold):
            self._prewarmer.count_cold_start(job.kind, job.memory_mb)
        elif placed:
            placed += self._backfill(now_ms)
        return placed

    def _serve(self, now_ms: int) -> list[Effect]:
        """After what may have made room: the buffer first, then the feed (behaviour 46)."""
        effects: list[Effect] = []
        while self.buffer:
            placed = self._place(self.buffer[0], now_ms)
            if placed is None:
                return effects + self._make_room(self.buffer[0])
            self.buffer.popleft()
            effects += placed
        if self._owed:
            effects.append(FeedMore(self._owed))
            self._owed = 0
        return effects

    def _make_room(self, job: Job) -> list[Effect]:
        """Evict for the job at the head; it is placed when the room is really free."""
        needed_mb, template = placement.needed(self.containers, job)
        effects: list[Effect] = []
        for container, worker in eviction.choose(self.containers, needed_mb, template):
            if worker is not None:
                effects.append(self._kill(container, worker, "room for another activation"))
            else:
                effects += self._doom(container, "room for another activation")
        return effects

    # -- time -----------------------------------------------------------------------------------

    def _upkeep(self, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        for container in list(self.containers):
            effects += self._age(container, now_ms)
        for cell in self._prewarmer.review(self.containers, now_ms):
            effects += self._doom(cell, "stem cell expired")
        return effects + self._backfill(now_ms)

    def _age(self, container: Container, now_ms: int) -> list[Effect]:
        """Pause after the grace, remove after the idle time; a busy one loses idle workers only."""
        if container.state is not State.READY or container.doomed:
            return []
        effects: list[Effect] = []
        idle_ms = now_ms - container.last_used_ms
        if container.idle and idle_ms >= self.settings.idle_timeout_ms:
            return self._doom(container, "idle time over")
        for worker in container.workers.values():
            expired = now_ms - worker.last_used_ms >= self.settings.idle_timeout_ms
            if expired and worker.activation_id is None and not worker.dying:
                effects.append(self._kill(container, worker, "idle time over"))
        dying = any(worker.dying for worker in container.workers.values())
        pausable = container.idle and not container.paused and not dying
        if pausable and idle_ms >= self.settings.pause_grace_ms:
            container.paused = True
            effects.append(Pause(container.number))
        return effects

    def _backfill(self, now_ms: int) -> list[Effect]:
        """Make the stem cells that are missing, as far as memory goes (behaviour 55)."""
        effects: list[Effect] = []
        if self.buffer:
            return effects
        for target in self._prewarmer.missing(self.containers, now_ms):
            if self.containers.fits(target.memory_mb):
                cell = self.containers.add_prewarm(target.kind, target.memory_mb, now_ms)
                effects.append(StartPrewarm(cell.number, cell.kind, cell.memory_mb))
        return effects
