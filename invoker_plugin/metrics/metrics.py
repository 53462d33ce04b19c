"""All metrics of one invoker process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from invoker_plugin import __version__
from invoker_plugin.metrics.activations import ActivationMetrics
from invoker_plugin.metrics.buckets import PREFIX
from invoker_plugin.metrics.containers import ContainerMetrics
from invoker_plugin.metrics.docker import DockerMetrics
from invoker_plugin.metrics.intake import IntakeMetrics
from invoker_plugin.metrics.standing import Standing, StandingCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
# Each counter's time of creation would be a series of its own, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """One registry, and what is counted in it; ``name`` is the invoker's own."""

    def __init__(self, name: str = "") -> None:
        self.registry = CollectorRegistry()
        self.activations = ActivationMetrics(self.registry)
        self.containers = ContainerMetrics(self.registry)
        self.docker = DockerMetrics(self.registry)
        self.intake = IntakeMetrics(self.registry)
        self._standing = StandingCollector(self.registry)
        info = Gauge(
            f"{PREFIX}info",
            "1, with version and name.",
            ("version", "name"),
            registry=self.registry,
        )
        info.labels(__version__, name).set(1)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    async def text(self, standing: Callable[[], Standing]) -> bytes:
        """The exposition for a scrape. It is written in a thread: the loop goes on meanwhile."""
        self._standing.standing = standing()
        return await asyncio.to_thread(generate_latest, self.registry)
