"""What the operator decides about the pool."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PrewarmTarget:
    """Stem cells to hold ready for one kind and memory size (behaviours 54-60).

    With ``ttl_ms`` unset the count is constant; with it, idle stem cells expire, and the wanted
    count follows the cold starts of the last interval between ``minimum`` and ``maximum``.
    """

    kind: str
    memory_mb: int
    minimum: int
    maximum: int
    ttl_ms: int | None = None
    threshold: int = 1
    increment: int = 1

    def wanted(self, cold_starts: int) -> int:
        """Stem cells wanted after an interval that saw ``cold_starts`` (behaviour 58)."""
        grown = cold_starts // self.threshold * self.increment
        return max(self.minimum, min(grown, self.maximum))


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Limits and times of the pool; memory in MB, times in ms."""

    memory_mb: int
    pause_grace_ms: int = 10_000
    idle_timeout_ms: int = 600_000
    prewarm: tuple[PrewarmTarget, ...] = ()
    prewarm_check_ms: int = 600_000
    """The driver adds random variance, so that invokers do not expire in step (behaviour 60)."""
    prewarm_expiration_limit: int = 100
