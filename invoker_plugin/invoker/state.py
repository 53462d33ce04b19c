"""What the invoker is doing now, for ``GET /state``: answers "is it idle yet?"."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from invoker_plugin.invoker.driver import Driver
from invoker_plugin.pool.container import Container
from invoker_plugin.pool.figures import PoolFigures


def snapshot(driver: Driver, phase: str) -> dict[str, Any]:
    """Containers, templates, workers, memory in MB, and what is in flight."""
    pool = driver.pool
    return {
        "phase": phase,
        "in_flight": driver.in_flight,
        "buffered": [job.activation_id for job in pool.buffer],
        "memory_mb": {"used": pool.containers.used_mb, "limit": pool.containers.limit_mb},
        "pool": {**asdict(PoolFigures.of(pool)), "no_room": driver.no_room.count},
        "containers": [_container(container) for container in pool.containers],
    }


def _container(container: Container) -> dict[str, Any]:
    told: dict[str, Any] = {
        "number": container.number,
        "state": "paused" if container.paused else container.state.value,
        "kind": container.kind,
        "memory_mb": container.charged_mb,
        "running": sorted(container.running),
        "waiting": [job.activation_id for job in container.waiting],
    }
    if container.key is not None:
        told["namespace"] = container.key.namespace
        told["action"] = container.key.action
        told["version"] = container.key.version
    if container.forks:
        told["slots"] = container.slots
        told["workers"] = {name: w.activation_id for name, w in container.workers.items()}
    if container.doomed:
        told["going"] = container.doomed
    return told
