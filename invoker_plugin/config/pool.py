"""How many containers there are, and how long they stay."""

from __future__ import annotations

from dataclasses import dataclass

from invoker_plugin.config import values
from invoker_plugin.config.setting import setting

_POOL = "CONFIG_whisk_containerPool_"
_PROXY = "CONFIG_whisk_containerProxy_"


@dataclass(frozen=True)
class PoolSettings:
    """How many containers, and how long they stay."""

    user_memory_mb: int = setting(
        f"{_POOL}userMemory", values.SIZE_MB, 1024, "memory of all containers together"
    )
    user_cpus: float | None = setting(
        f"{_POOL}userCpus", values.DECIMAL, None, "CPUs shared by all containers; unset: no limit"
    )
    concurrent_peek_factor: float = setting(
        f"{_POOL}concurrentPeekFactor",
        values.DECIMAL,
        0.5,
        "how far reading ahead grows with the concurrency limit (over 0, at most 1)",
    )
    slots: int = setting(None, values.INTEGER, 16, "most workers of one template")
    spares: int = setting(
        None,
        values.INTEGER,
        1,
        "workers that a template forks ahead of their activation (0 to 16)",
    )
    start: str = setting(
        None,
        values.choice("auto", "fork", "warm", "cold"),
        "auto",
        "start of every activation, whatever its action's `swift-start` says; `auto`: as it says",
    )
    pause_grace_ms: int = setting(
        f"{_PROXY}timeouts_pauseGrace",
        values.DURATION_MS,
        10_000,
        "idle time after which a container is paused",
    )
    idle_container_ms: int = setting(
        f"{_PROXY}timeouts_idleContainer",
        values.DURATION_MS,
        600_000,
        "idle time after which a container is removed",
    )
    keeping_ms: int = setting(
        f"{_PROXY}timeouts_keepingDuration",
        values.DURATION_MS,
        600_000,
        "time that kept warm containers stay (of OpenWhisk's scheduler; no effect here)",
    )
    prewarm_check_ms: int = setting(
        f"{_POOL}prewarmExpirationCheckInterval",
        values.DURATION_MS,
        600_000,
        "time between two looks at the stem cells",
    )
    prewarm_check_delay_ms: int = setting(
        f"{_POOL}prewarmExpirationCheckInitDelay",
        values.DURATION_MS,
        600_000,
        "time before the first look at the stem cells",
    )
    prewarm_check_variance_ms: int = setting(
        f"{_POOL}prewarmExpirationCheckIntervalVariance",
        values.DURATION_MS,
        10_000,
        "random part of that time, so that invokers do not act in step",
    )
    prewarm_expiration_limit: int = setting(
        f"{_POOL}prewarmExpirationLimit", values.INTEGER, 100, "stem cells expired in one look"
    )
    prewarm_retries: int = setting(
        f"{_POOL}prewarmMaxRetryLimit", values.INTEGER, 5, "tries to make a stem cell in a row"
    )
    batch_deletion_size: int = setting(
        f"{_POOL}batchDeletionSize", values.INTEGER, 10, "containers removed at one time"
    )
