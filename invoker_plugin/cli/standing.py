"""Collects how the invoker stands, from all its parts: for ``GET /metrics``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from invoker_plugin.bus.feed import MessageFeed
from invoker_plugin.health.pinger import Pinger
from invoker_plugin.invoker.clock import steady_ms
from invoker_plugin.invoker.driver import Driver
from invoker_plugin.invoker.invoker import Invoker
from invoker_plugin.metrics.standing import RUNGS, Slots, Standing
from invoker_plugin.pool import Pool
from invoker_plugin.store.records import RecordWriter

NO_RUNG = "none"


def standing(
    invoker: Invoker,
    driver: Driver,
    pinger: Pinger,
    records: RecordWriter,
    feed: MessageFeed | None,
    loop_lag_ms: float,
    networks: Mapping[str, Any],
) -> Standing:
    """Figures of this moment."""
    pool, kept = driver.pool, records.figures()
    return Standing(
        phase=invoker.phase,
        enabled=pinger.enabled,
        ill=pinger.ill,
        pings={"sent": pinger.sent, "failed": pinger.failed, "left_out": pinger.left_out},
        ping_stops=dict(pinger.stops),
        containers=_states(pool),
        slots=_slots(driver.rungs()),
        ready_networks={state: networks[state] for state in ("ready", "used")},
        network_starts={
            "joined": networks["joined"],
            "not_joined": sum(networks["not_joined"].values()),
        },
        used_mb=pool.containers.used_mb,
        limit_mb=pool.containers.limit_mb,
        in_flight=invoker.in_flight,
        buffered=len(pool.buffer),
        oldest_wait_ms=steady_ms() - pool.buffer[0].arrived_ms if pool.buffer else 0,
        read_ahead=feed.buffered if feed is not None else 0,
        records_waiting=kept.waiting,
        records_memory_bytes=kept.memory_bytes,
        records_disk_bytes=kept.disk_bytes,
        records_oldest_ms=kept.oldest_ms,
        records_disk_failing=kept.disk_failing,
        records_stored=kept.stored,
        records_refused=kept.refused,
        records_dropped=kept.dropped,
        loop_lag_ms=loop_lag_ms,
    )


def _states(pool: Pool) -> dict[str, int]:
    return dict(Counter("paused" if one.paused else one.state.value for one in pool.containers))


def _slots(templates: Iterable[tuple[str | None, int, int]]) -> dict[str, Slots]:
    """Of all templates together, by rung; one this version does not know counts as none."""
    found: dict[str, Slots] = {}
    for named, used, free in templates:
        rung = named if named in RUNGS else NO_RUNG
        before = found.get(rung, Slots())
        found[rung] = Slots(before.used + used, before.free + free)
    return found
