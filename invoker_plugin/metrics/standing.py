"""How the invoker stands at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from invoker_plugin.metrics.buckets import PREFIX

PHASES = ("starting", "up", "draining", "down")
STATES = ("prewarming", "prewarmed", "starting", "ready", "paused", "removing")
NETWORK_STATES = ("ready", "used")
NETWORK_STARTS = ("joined", "not_joined")
RUNGS = ("connected", "shared", "inherited", "cached", "stock", "none")
MB = 1024.0 * 1024.0


@dataclass(frozen=True, slots=True)
class Slots:
    """Workers' places in templates."""

    used: int = 0
    free: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Figures of one moment, taken in the event loop; memory in MB, times in ms."""

    phase: str = "starting"
    enabled: bool = True
    ill: str | None = None
    pings: Mapping[str, int] = field(default_factory=dict)
    ping_stops: Mapping[str, int] = field(default_factory=dict)
    containers: Mapping[str, int] = field(default_factory=dict)
    slots: Mapping[str, Slots] = field(default_factory=dict)
    ready_networks: Mapping[str, int] = field(default_factory=dict)
    network_starts: Mapping[str, int] = field(default_factory=dict)
    used_mb: int = 0
    limit_mb: int = 0
    in_flight: int = 0
    buffered: int = 0
    oldest_wait_ms: int = 0
    read_ahead: int = 0
    records_waiting: int = 0
    records_memory_bytes: int = 0
    records_disk_bytes: int = 0
    records_oldest_ms: int = 0
    records_disk_failing: bool = False
    records_stored: int = 0
    records_refused: int = 0
    records_dropped: int = 0
    loop_lag_ms: float = 0.0


class StandingCollector(Collector):
    """Turns the newest :class:`Standing` into metrics; it may be collected in another thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.standing = Standing()
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, those of value 0 included."""
        now = self.standing
        yield from _service(now)
        yield from _pool(now)
        yield from _records(now)


def _service(now: Standing) -> Iterator[Metric]:
    phases = {phase: float(phase == now.phase) for phase in PHASES}
    yield _gauges("phase", "1 for the phase of its life that the invoker is in.", "phase", phases)
    yield _gauge("enabled", "1 unless an operator disabled it, or it drains.", now.enabled)
    yield _gauge("healthy", "0 while pings are left out since something is ill.", now.ill is None)
    pings = {result: now.pings.get(result, 0) for result in ("sent", "failed", "left_out")}
    yield _counters("pings", "Pings to the controllers, by result.", "result", pings)
    text = "How often pings were stopped since a vital part was ill, by reason."
    yield _counters("ping_stops", text, "reason", now.ping_stops)
    text = "How late the event loop was at its worst since the last scrape."
    yield _gauge("loop_lag_seconds", text, now.loop_lag_ms / 1000)


def _pool(now: Standing) -> Iterator[Metric]:
    states = {state: now.containers.get(state, 0) for state in STATES}
    yield _gauges("containers", "Containers, by state.", "state", states)
    text = "Memory that containers and workers are charged."
    yield _gauge("memory_used_bytes", text, now.used_mb * MB)
    text = "The pool's memory (pool.user_memory_mb)."
    yield _gauge("memory_limit_bytes", text, now.limit_mb * MB)
    yield _gauge("in_flight", "Activations that were taken and have not ended.", now.in_flight)
    yield _gauge("buffered", "Activations that wait for room.", now.buffered)
    text = "How long the first of those has waited."
    yield _gauge("oldest_wait_seconds", text, now.oldest_wait_ms / 1000)
    text = "Messages that were read from Kafka and not taken yet."
    yield _gauge("read_ahead", text, now.read_ahead)
    yield _rdma_slots(now)
    networks = {state: now.ready_networks.get(state, 0) for state in NETWORK_STATES}
    yield _gauges("ready_networks", "Networks that were made ahead, by state.", "state", networks)
    starts = {result: now.network_starts.get(result, 0) for result in NETWORK_STARTS}
    text = "Containers made while networks are kept ready, by whether they joined one."
    yield _counters("ready_network_starts", text, "result", starts)


def _rdma_slots(now: Standing) -> Metric:
    slots = GaugeMetricFamily(
        f"{PREFIX}rdma_slots",
        "Workers' places in templates, by the rung of RDMA sharing (docs/runtime-protocol.md).",
        labels=("rung", "state"),
    )
    for rung in RUNGS:
        counted = now.slots.get(rung, Slots())
        slots.add_metric((rung, "used"), counted.used)
        slots.add_metric((rung, "free"), counted.free)
    return slots


def _records(now: Standing) -> Iterator[Metric]:
    text = "Records that the store does not have yet."
    yield _gauge("records_waiting", text, now.records_waiting)
    yield _gauge("records_memory_bytes", "What of them is in memory.", now.records_memory_bytes)
    yield _gauge("records_disk_bytes", "What of them is on disk.", now.records_disk_bytes)
    text = "How long the first of them has waited."
    yield _gauge("records_oldest_seconds", text, now.records_oldest_ms / 1000)
    text = "1 while records cannot be kept on disk."
    yield _gauge("records_disk_failing", text, now.records_disk_failing)
    yield _counter("records_stored", "Records that the store took.", now.records_stored)
    text = "Records that the store refused for themselves."
    yield _counter("records_refused", text, now.records_refused)
    yield _counter("records_dropped", "Records that are lost.", now.records_dropped)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}{name}", text, value=float(value))


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}{name}", text, labels=(label,))
    for value_of, value in values.items():
        family.add_metric((value_of,), value)
    return family


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(f"{PREFIX}{name}", text, value=value)


def _counters(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"{PREFIX}{name}", text, labels=(label,))
    for value_of, value in values.items():
        family.add_metric((value_of,), value)
    return family
