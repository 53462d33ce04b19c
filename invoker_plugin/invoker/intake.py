"""How messages come in: how many, how late, and how many wait in Kafka (behaviour 16)."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CollectorRegistry

from invoker_plugin.bus.interface import Message
from invoker_plugin.errors import SystemFault
from invoker_plugin.invoker.clock import wall_ms
from invoker_plugin.log import event
from invoker_plugin.metrics.intake import IntakeMetrics

logger = logging.getLogger(__name__)

Lag = Callable[[], Awaitable["int | None"]]
"""Messages that wait in Kafka, ``None`` while it cannot be asked; may raise ``SystemFault``."""


class Intake:
    """Counts from one report to the next."""

    def __init__(self, lag: Lag | None = None, metrics: IntakeMetrics | None = None) -> None:
        self._lag = lag
        self.metrics = metrics or IntakeMetrics(CollectorRegistry())
        self._messages = 0
        self._delay_ms = 0

    def arrived(self, message: Message) -> None:
        """A message was handed over."""
        self._messages += 1
        if message.timestamp_ms:
            delay_ms = wall_ms() - message.timestamp_ms
            self._delay_ms = max(self._delay_ms, delay_ms)
            self.metrics.delay.observe(delay_ms / 1000)

    async def report(self) -> dict[str, Any]:
        """Messages since the last report, the longest time in Kafka, and how many wait there."""
        told: dict[str, Any] = {"messages": self._messages, "longest_delay_ms": self._delay_ms}
        self._messages = self._delay_ms = 0
        if self._lag is not None:
            lag = None
            try:
                lag = told["waiting_in_kafka"] = await self._lag()
            except SystemFault as fault:
                event(logger, logging.WARNING, "lag-not-known", error=str(fault))
            self.metrics.lag.set(math.nan if lag is None else lag)
        return told
