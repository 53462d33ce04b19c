"""The pool's own view of one container: its state, its workers, and the memory it is charged."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from invoker_plugin.pool.job import ActionKey, Job, Policy


class State(Enum):
    """Where a container is in its life."""

    PREWARMING = "prewarming"
    PREWARMED = "prewarmed"
    STARTING = "starting"
    """Being created, or a stem cell being initialised, for the jobs that wait in it."""
    READY = "ready"
    REMOVING = "removing"


@dataclass(slots=True)
class Worker:
    """A forked worker; it belongs to one activation at a time."""

    name: str
    last_used_ms: int
    activation_id: str | None = None
    dying: bool = False


@dataclass(slots=True)
class Container:
    """One container. A plain one is its own worker; a template is charged apart from its own."""

    number: int
    kind: str
    memory_mb: int
    state: State
    last_used_ms: int
    key: ActionKey | None = None
    prewarmed: bool = False
    """It began as a stem cell: the first job's start is a prewarm, not a cold start."""
    concurrency: int = 1
    slots: int = 0
    """Workers it may have: as asked until it is ready, then as offered; 0 for a plain container."""
    single_use: bool = False
    """Policy ``cold``: it serves one activation and goes."""
    policy: Policy = Policy.AUTO
    paused: bool = False
    doomed: str = ""
    """Why it takes no more jobs and goes when the last one ends."""
    gone: str = ""
    """Why the action's container before this one went, if it is known."""
    note: str = ""
    """Why a runtime that knows forks offers none here."""
    waiting: list[Job] = field(default_factory=list)
    running: dict[str, Job] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    forked: int = 0

    @property
    def in_flight(self) -> int:
        """Jobs that are in it, begun or waiting for it to be ready."""
        return len(self.running) + len(self.waiting)

    @property
    def forks(self) -> bool:
        """It has, or is expected to have, a template and workers."""
        return self.slots > 0

    @property
    def charged_mb(self) -> int:
        """Memory it is charged: itself, and each worker it has or has promised to a waiting job."""
        promised = len(self.waiting) if self.forks else 0
        return self.memory_mb * (1 + len(self.workers) + promised)

    @property
    def joinable(self) -> bool:
        """It could take one more job of its key once it is ready, memory aside."""
        if self.doomed or self.single_use or self.state is not State.STARTING:
            return False
        return len(self.waiting) < (self.slots if self.forks else self.concurrency)

    @property
    def forkable(self) -> bool:
        """A fork could be made now, memory aside."""
        usable = self.state is State.READY and not self.doomed and not self.single_use
        return usable and self.forks and len(self.workers) < self.slots

    @property
    def open(self) -> bool:
        """A ready plain container with room for one more activation."""
        usable = self.state is State.READY and not self.doomed and not self.single_use
        return usable and not self.forks and len(self.running) < self.concurrency

    @property
    def idle(self) -> bool:
        """Ready, and nothing runs or waits in it."""
        return self.state is State.READY and not self.running and not self.waiting

    def idle_worker(self) -> Worker | None:
        """The most recently used idle worker (its pages are the warmest), if any."""
        if self.state is not State.READY or self.doomed:
            return None
        best: Worker | None = None
        for worker in self.workers.values():
            if worker.activation_id is not None or worker.dying:
                continue
            if best is None or worker.last_used_ms >= best.last_used_ms:
                best = worker
        return best

    def new_worker(self, now_ms: int, activation_id: str) -> Worker:
        """A name that was never used in this container, taken by the activation."""
        self.forked += 1
        worker = Worker(f"w{self.forked}", now_ms, activation_id)
        self.workers[worker.name] = worker
        return worker

    def worker_of(self, activation_id: str) -> Worker | None:
        """The worker that runs the activation, in a container that forks."""
        for worker in self.workers.values():
            if worker.activation_id == activation_id:
                return worker
        return None
