"""What each part of the invoker needs of the settings, in that part's own words."""

from __future__ import annotations

import random

from invoker_plugin.config.settings import Settings
from invoker_plugin.pool import PoolSettings, PrewarmTarget
from invoker_plugin.pool.job import Policy
from invoker_plugin.wire.instance import InvokerInstance

MIB = 1024 * 1024


def instance_of(settings: Settings) -> InvokerInstance:
    """How this invoker names itself in pings and acks."""
    assert settings.invoker.id is not None
    return InvokerInstance(
        settings.invoker.id,
        settings.invoker.displayed_name,
        settings.invoker.unique_name,
        settings.pool.user_memory_mb * MIB,
        settings.invoker.tags,
        settings.invoker.dedicated_namespaces,
    )


def forced_start(settings: Settings) -> Policy | None:
    """How all activations are to be started, where the operator says so (OpenWhisk #5349)."""
    start = settings.pool.start
    return None if start == "auto" else Policy(start)


def max_peek(settings: Settings) -> int:
    """Messages to read at most at once: as many actions as fit, more with concurrency (12)."""
    smallest = max(1, settings.pool.user_memory_mb // settings.limits.memory_min_mb)
    most_concurrent = settings.limits.concurrency_max
    if most_concurrent <= 1:
        return smallest
    scaled = smallest * most_concurrent * settings.pool.concurrent_peek_factor
    return max(smallest, round(scaled))


def pool_settings(settings: Settings) -> PoolSettings:
    """The pool's share of the settings; the check's time gets its random part here."""
    pool = settings.pool
    return PoolSettings(
        memory_mb=pool.user_memory_mb,
        pause_grace_ms=pool.pause_grace_ms,
        idle_timeout_ms=pool.idle_container_ms,
        prewarm=tuple(prewarm_targets(settings)),
        prewarm_check_ms=pool.prewarm_check_ms + random.randint(0, pool.prewarm_check_variance_ms),
        prewarm_expiration_limit=pool.prewarm_expiration_limit,
    )


def prewarm_targets(settings: Settings) -> list[PrewarmTarget]:
    """The manifest's stem cells."""
    targets = []
    for runtime in settings.manifest.runtimes.values():
        for cell in runtime.stem_cells:
            reactive = cell.reactive
            targets.append(
                PrewarmTarget(runtime.kind, cell.memory_mb, cell.initial_count, cell.initial_count)
                if reactive is None
                else PrewarmTarget(
                    runtime.kind,
                    cell.memory_mb,
                    reactive.min_count,
                    reactive.max_count,
                    reactive.ttl_ms,
                    reactive.threshold,
                    reactive.increment,
                )
            )
    return targets
