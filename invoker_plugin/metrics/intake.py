"""How messages come in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from invoker_plugin.metrics.buckets import PREFIX, SECONDS


class IntakeMetrics:
    """Messages of this invoker's topic (behaviour 16)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.delay = Histogram(
            f"{PREFIX}kafka_delay_seconds",
            "Time from a message being sent to its activation being taken.",
            buckets=SECONDS,
            registry=registry,
        )
        self.lag = Gauge(
            f"{PREFIX}kafka_lag_messages",
            "Messages that wait in Kafka, asked every 10 s; NaN while it cannot be asked.",
            registry=registry,
        )
        self.lag.set(float("nan"))
        unfit = Counter(
            f"{PREFIX}messages_passed_over",
            "Messages that were not run: malformed, or delivered a second time.",
            ("cause",),
            registry=registry,
        )
        self.malformed = unfit.labels("malformed")
        self.repeated = unfit.labels("repeated")
