"""Where a job goes: warm, then fork, then prewarm, then cold (``docs/architecture.md``)."""

from __future__ import annotations

from invoker_plugin.pool.container import Container, State
from invoker_plugin.pool.containers import Containers
from invoker_plugin.pool.effects import Effect, InitPrewarmed, Run, StartCold
from invoker_plugin.pool.job import Job, Policy, Start


def place(containers: Containers, job: Job, now_ms: int) -> list[Effect] | None:
    """Place the job; the effects to carry out (none when it waits in a starting container).

    ``None`` means that it fits nowhere now; nothing was changed then.
    """
    if job.policy is not Policy.COLD:
        for container in containers.of(job.key):
            effect = _warm(container, job, now_ms)
            if effect is not None:
                return [effect]
        found = _fork_or_join(containers, job, now_ms)
        if found is not None:
            return found
        cell = containers.prewarmed(job.kind, job.memory_mb)
        if cell is not None and containers.fits(job.first_worker_mb):
            containers.claim(cell, job, now_ms)
            return [InitPrewarmed(cell.number, job, cell.slots)]
    if containers.fits(job.memory_mb + job.first_worker_mb):
        container = containers.add_cold(job, now_ms)
        return [StartCold(container.number, job, container.slots)]
    return None


def needed(containers: Containers, job: Job) -> tuple[int, Container | None]:
    """The least memory in MB that must be free to place the job, and the template it would use."""
    if job.policy is not Policy.COLD:
        for container in containers.of(job.key):
            if container.forkable or (container.forks and container.joinable):
                return job.memory_mb, container
        cell = containers.prewarmed(job.kind, job.memory_mb)
        if cell is not None:
            return job.first_worker_mb, cell
    return job.memory_mb + job.first_worker_mb, None


def begin_waiting(container: Container, now_ms: int) -> tuple[list[Run], list[Job]]:
    """Start the jobs that waited for a container that is ready now; those it can't take come back.

    The first of them is the cold (or prewarm) start; the others are forks of its template, or, in a
    plain container with action concurrency, warm.
    """
    jobs, container.waiting = container.waiting, []
    room = container.slots if container.forks else container.concurrency
    first = Start.PREWARM if container.prewarmed else Start.COLD
    runs: list[Run] = []
    for position, job in enumerate(jobs[:room]):
        if position == 0:
            start, reason = first, _first_reason(container)
        elif container.forks:
            start, reason = Start.FORK, "template was starting"
        else:
            start, reason = Start.WARM, "container was starting, action allows concurrency"
        runs.append(_begin(container, job, start, reason, now_ms))
    return runs, jobs[room:]


def _first_reason(container: Container) -> str:
    if container.prewarmed:
        reason = "stem cell of the kind and memory"
    elif container.single_use:
        reason = "policy cold"
    else:
        reason = "no container of this action had room"
    if container.gone and not container.single_use:
        reason += f"; the last one went: {container.gone}"
    return f"{reason}; no fork: {container.note}" if container.note else reason


def _warm(container: Container, job: Job, now_ms: int) -> Run | None:
    worker = container.idle_worker()
    if worker is not None:
        worker.activation_id = job.activation_id
        worker.last_used_ms = now_ms
        reason = f"idle worker {worker.name}"
        return _run(container, job, Start.WARM, reason, worker.name, False, now_ms)
    if container.open:
        return _begin(container, job, Start.WARM, "idle container", now_ms)
    return None


def _fork_or_join(containers: Containers, job: Job, now_ms: int) -> list[Effect] | None:
    """A fork of a ready template, else a place in a container that is being made."""
    for container in containers.of(job.key):
        if container.forkable and containers.fits(job.memory_mb):
            return [_begin(container, job, Start.FORK, "template has a free slot", now_ms)]
    for container in containers.of(job.key):
        if container.joinable and (not container.forks or containers.fits(job.memory_mb)):
            container.waiting.append(job)
            return []
    return None


def _begin(container: Container, job: Job, start: Start, reason: str, now_ms: int) -> Run:
    """Run the job in a new worker of a template, or in a plain container."""
    name: str | None = None
    if container.forks:
        name = container.new_worker(now_ms, job.activation_id).name
    return _run(container, job, start, reason, name, name is not None, now_ms)


def _run(
    container: Container,
    job: Job,
    start: Start,
    reason: str,
    worker: str | None,
    fork: bool,
    now_ms: int,
) -> Run:
    assert container.state is State.READY
    resume, container.paused = container.paused, False
    container.running[job.activation_id] = job
    container.last_used_ms = now_ms
    return Run(container.number, job, start, reason, worker, fork, resume)
