"""What to give up so that a waiting job fits: least recently used first, no more than needed."""

from __future__ import annotations

from invoker_plugin.pool.container import Container, State, Worker
from invoker_plugin.pool.containers import Containers

Candidate = tuple[int, int, Container, Worker | None]
"""Last use in ms, rank, and what it is."""

IDLE_WORKER, IDLE_CONTAINER, STEM_CELL = range(3)


def choose(
    containers: Containers, needed_mb: int, spare: Container | None
) -> list[tuple[Container, Worker | None]]:
    """The idle workers and containers to evict for ``needed_mb``; empty if they would not suffice.

    ``spare`` is the template that the job is to be forked from: it stays. A worker goes before its
    template, so a template outlives its idle workers. A container comes as ``(container, None)``
    and takes its idle workers with it.
    """
    missing = containers.used_mb - containers.freeing_mb + needed_mb - containers.limit_mb
    if missing <= 0:
        return []
    chosen: list[tuple[Container, Worker | None]] = []
    for _, _, container, worker in sorted(_candidates(containers, spare), key=_order):
        chosen.append((container, worker))
        missing -= container.memory_mb
        if missing <= 0:
            return _merge(chosen)
    return []


def _order(candidate: Candidate) -> tuple[bool, int, int]:
    """Stem cells last; else by last use, a worker before its own template."""
    last_used_ms, rank, _, _ = candidate
    return rank == STEM_CELL, last_used_ms, rank


def _candidates(containers: Containers, spare: Container | None) -> list[Candidate]:
    """Everything idle with its time of last use; prewarmed ones only when nothing else runs.

    The stock invoker never evicts stem cells (behaviour 40), so a job larger than what they leave
    waits for ever; here they go when no running activation could make room instead.
    """
    found: list[Candidate] = []
    quiet = not any(container.in_flight for container in containers)
    for container in containers:
        if container is spare:
            continue
        if container.state is State.PREWARMED and quiet:
            found.append((container.last_used_ms, STEM_CELL, container, None))
        if container.state is not State.READY or container.doomed:
            continue
        for worker in container.workers.values():
            if worker.activation_id is None and not worker.dying:
                found.append((worker.last_used_ms, IDLE_WORKER, container, worker))
        if container.idle:
            found.append((container.last_used_ms, IDLE_CONTAINER, container, None))
    return found


def _merge(
    chosen: list[tuple[Container, Worker | None]],
) -> list[tuple[Container, Worker | None]]:
    """Leave out workers whose container goes too."""
    whole = {container.number for container, worker in chosen if worker is None}
    return [
        (container, worker)
        for container, worker in chosen
        if worker is None or container.number not in whole
    ]
