"""What happens to the pool. Each event carries all that the pool needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass

from invoker_plugin.pool.job import Job


@dataclass(frozen=True, slots=True)
class JobArrived:
    """An activation was taken from the bus and its action resolved."""

    job: Job


@dataclass(frozen=True, slots=True)
class ContainerReady:
    """A container was created and initialised for its jobs.

    ``slots`` is what the runtime offers: 0 for a plain container or one that cannot be forked.
    """

    container: int
    slots: int = 0
    reason: str = ""
    """Why a Swift runtime offers no fork, in words for the user."""


@dataclass(frozen=True, slots=True)
class ContainerFailed:
    """A container could not be created or initialised; nothing runs in it."""

    container: int


@dataclass(frozen=True, slots=True)
class PrewarmReady:
    """A stem cell is up and waits for its first action."""

    container: int


@dataclass(frozen=True, slots=True)
class JobFinished:
    """An activation ended, well or not."""

    container: int
    activation_id: str
    keep_container: bool = True
    keep_worker: bool = True


@dataclass(frozen=True, slots=True)
class JobReturned:
    """The activation did not begin (behaviours 67, 69, 71): it may be placed elsewhere."""

    container: int
    activation_id: str
    keep_container: bool = False


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """A worker that the pool asked to be killed is dead, or an idle one died by itself."""

    container: int
    worker: str


@dataclass(frozen=True, slots=True)
class ContainerLost:
    """A container is found dead, could not be paused, or is of no use any more."""

    container: int
    reason: str


@dataclass(frozen=True, slots=True)
class ContainerRemoved:
    """A container that the pool asked to be removed is gone; its memory is free."""

    container: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed. The pool has no clock: it learns the time from events."""


Event = (
    JobArrived
    | ContainerReady
    | ContainerFailed
    | PrewarmReady
    | JobFinished
    | JobReturned
    | WorkerGone
    | ContainerLost
    | ContainerRemoved
    | Tick
)
