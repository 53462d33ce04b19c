"""What the pool wants done. The driver (``invoker``) carries it out and reports events back."""

from __future__ import annotations

from dataclasses import dataclass

from invoker_plugin.pool.job import Job, Start


@dataclass(frozen=True, slots=True)
class StartCold:
    """Create a container and initialise it with the job's action; answer ready or failed."""

    container: int
    job: Job
    slots: int
    """Workers to ask for; 0 for a plain image."""


@dataclass(frozen=True, slots=True)
class StartPrewarm:
    """Create a stem cell; answer with ``PrewarmReady`` or ``ContainerFailed``."""

    container: int
    kind: str
    memory_mb: int


@dataclass(frozen=True, slots=True)
class InitPrewarmed:
    """Initialise a stem cell with the job's action; answer ready or failed."""

    container: int
    job: Job
    slots: int


@dataclass(frozen=True, slots=True)
class Run:
    """Run the job in a ready container; answer with ``JobFinished`` or ``JobReturned``."""

    container: int
    job: Job
    start: Start
    reason: str
    worker: str | None = None
    """The worker's name in a container that forks; ``None`` in a plain one."""
    fork: bool = False
    """The worker is to be forked first."""
    resume: bool = False
    """The container is paused."""


@dataclass(frozen=True, slots=True)
class Abort:
    """The job's container failed: answer the job with that container's failure."""

    container: int
    job: Job


@dataclass(frozen=True, slots=True)
class KillWorker:
    """End an idle worker; answer with ``WorkerGone``."""

    container: int
    worker: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Suspend an idle container; answer with ``ContainerLost`` if that fails (behaviour 68)."""

    container: int


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a container; answer with ``ContainerRemoved`` in any case."""

    container: int
    reason: str


@dataclass(frozen=True, slots=True)
class Buffered:
    """No room for the job: it waits. Told once for each job."""

    job: Job


@dataclass(frozen=True, slots=True)
class FeedMore:
    """``count`` places of the feed are free again, and nothing waits in the buffer."""

    count: int


Effect = (
    StartCold
    | StartPrewarm
    | InitPrewarmed
    | Run
    | Abort
    | KillWorker
    | Pause
    | Remove
    | Buffered
    | FeedMore
)
