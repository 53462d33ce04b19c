"""The stem cells: how many are wanted, when they expire, and how fast a failing one is retried."""

from __future__ import annotations

from invoker_plugin.pool.container import Container, State
from invoker_plugin.pool.containers import Containers
from invoker_plugin.pool.settings import PoolSettings, PrewarmTarget

FIRST_RETRY_MS = 1_000
LONGEST_RETRY_MS = 60_000


class Prewarmer:
    """Decides about stem cells; ``Pool`` makes and removes them.

    A stem cell that can't be made is retried with growing pauses: the stock invoker retried without
    any, 880 times in 100 s (``docs/parity.md``).
    """

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._wanted = {_size(target): target.minimum for target in settings.prewarm}
        self._cold_starts = dict.fromkeys(self._wanted, 0)
        self._pause_ms = dict.fromkeys(self._wanted, FIRST_RETRY_MS)
        self._retry_at_ms = dict.fromkeys(self._wanted, 0)
        self._checked_ms: int | None = None

    def count_cold_start(self, kind: str, memory_mb: int) -> None:
        """A cold start happened that a stem cell of that size would have spared."""
        if (kind, memory_mb) in self._cold_starts:
            self._cold_starts[kind, memory_mb] += 1

    def failed(self, kind: str, memory_mb: int, now_ms: int) -> None:
        """A stem cell could not be made: pause before the next attempt, longer each time."""
        size = (kind, memory_mb)
        if size in self._pause_ms:
            self._retry_at_ms[size] = now_ms + self._pause_ms[size]
            self._pause_ms[size] = min(2 * self._pause_ms[size], LONGEST_RETRY_MS)

    def succeeded(self, kind: str, memory_mb: int) -> None:
        """A stem cell is up."""
        self._pause_ms[kind, memory_mb] = FIRST_RETRY_MS

    def missing(self, containers: Containers, now_ms: int) -> list[PrewarmTarget]:
        """The stem cells to make now, one entry each; memory is the caller's to check."""
        missing: list[PrewarmTarget] = []
        for target in self._settings.prewarm:
            size = _size(target)
            if now_ms >= self._retry_at_ms[size]:
                lacking = self._wanted[size] - len(_stem_cells(containers, target))
                missing += [target] * lacking
        return missing

    def review(self, containers: Containers, now_ms: int) -> list[Container]:
        """Once an interval: set the wanted counts anew and name the stem cells that expire."""
        if self._checked_ms is None:
            self._checked_ms = now_ms
        if now_ms - self._checked_ms < self._settings.prewarm_check_ms:
            return []
        self._checked_ms = now_ms
        expired: list[Container] = []
        for target in self._settings.prewarm:
            if target.ttl_ms is None:
                continue
            size = _size(target)
            self._wanted[size] = target.wanted(self._cold_starts[size])
            self._cold_starts[size] = 0
            for cell in _stem_cells(containers, target):
                idle_ms = now_ms - cell.last_used_ms
                if cell.state is State.PREWARMED and idle_ms >= target.ttl_ms:
                    expired.append(cell)
        expired.sort(key=lambda cell: cell.last_used_ms)
        return expired[: self._settings.prewarm_expiration_limit]


def _size(target: PrewarmTarget) -> tuple[str, int]:
    return target.kind, target.memory_mb


def _stem_cells(containers: Containers, target: PrewarmTarget) -> list[Container]:
    living = (State.PREWARMING, State.PREWARMED)
    return [
        container
        for container in containers
        if container.state in living and _size(target) == (container.kind, container.memory_mb)
    ]
