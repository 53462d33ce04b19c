"""What the pool holds, in numbers (behaviour 52): for the log, ``GET /state`` and metrics."""

from __future__ import annotations

from dataclasses import dataclass

from invoker_plugin.pool.container import Container, State
from invoker_plugin.pool.pool import Pool


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """Counts, and memory in MB, at one moment.

    Every container counts as one of three: a stem cell (also while it is made), idle (nothing runs
    or waits in it), or active (all else, also while it is removed). A template's idle workers
    count as its memory.
    """

    buffered: int
    buffered_mb: int
    active: int
    active_mb: int
    prewarmed: int
    prewarmed_mb: int
    idle: int
    idle_mb: int
    used_mb: int
    limit_mb: int

    @classmethod
    def of(cls, pool: Pool) -> PoolFigures:
        """Count what is in the pool now."""
        stem_cells, idle, active = [], [], []
        for container in pool.containers:
            if container.state in (State.PREWARMING, State.PREWARMED):
                stem_cells.append(container)
            elif container.idle:
                idle.append(container)
            else:
                active.append(container)
        return cls(
            buffered=len(pool.buffer),
            buffered_mb=sum(job.memory_mb for job in pool.buffer),
            active=len(active),
            active_mb=_memory_mb(active),
            prewarmed=len(stem_cells),
            prewarmed_mb=_memory_mb(stem_cells),
            idle=len(idle),
            idle_mb=_memory_mb(idle),
            used_mb=pool.containers.used_mb,
            limit_mb=pool.containers.limit_mb,
        )


def _memory_mb(containers: list[Container]) -> int:
    return sum(container.charged_mb for container in containers)
