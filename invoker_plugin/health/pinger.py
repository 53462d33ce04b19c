"""The ping: each second, as long as the invoker is enabled and what it needs works."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from invoker_plugin.errors import SystemFault
from invoker_plugin.health.maintenance import Maintenance
from invoker_plugin.log import event
from invoker_plugin.wire import jsontext
from invoker_plugin.wire.instance import InvokerInstance
from invoker_plugin.wire.ping import ping

logger = logging.getLogger(__name__)

PING_PERIOD_S = 1.0

Vital = Callable[[], Awaitable[str | None]]
"""Asks whether something that the invoker needs works: ``None``, or what is wrong, in words.

Few texts, without figures in them: each change is logged, and each text is a label of a metric.
"""


class Sender(Protocol):
    """What is needed of a bus producer."""

    async def send(self, topic: str, value: bytes) -> None:
        """Send; raise ``SystemFault`` when retries did not help."""


class Pinger:
    """Sends pings (behaviours 138, 141, 154).

    The stock invoker pings although Docker or its consumer is dead (OpenWhisk #1711); here a
    ping is left out while a vital is not well, so that the controller calls the invoker offline.
    """

    def __init__(
        self,
        sender: Sender,
        topic: str,
        instance: InvokerInstance,
        vitals: list[Vital],
        maintenance: Maintenance | None = None,
    ) -> None:
        self._sender = sender
        self._topic = topic
        self._instance = instance
        self._vitals = vitals
        self._maintenance = maintenance or Maintenance(None)
        self._task: asyncio.Task[None] | None = None
        self.ill: str | None = None
        """Why no pings are sent though it is enabled, in words."""
        self.sent = 0
        self.failed = 0
        self.left_out = 0
        """Pings since the start: sent, not taken by Kafka, and left out while a vital was ill."""
        self.stops: dict[str, int] = {}
        """How often pings were stopped, by what was wrong; the vitals' texts are few."""
        self.enabled = not self._maintenance.on

    @property
    def name(self) -> str:
        """All names of this invoker, as the admin endpoints tell them (behaviour 144)."""
        names = [self._instance.source, self._instance.unique_name, self._instance.displayed_name]
        return "/".join(name for name in names if name)

    def start(self) -> None:
        """Begin to ping."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def enable(self) -> None:
        """Ping again; harmless when it does."""
        self._maintenance.end()
        self.enabled = True

    async def disable(self) -> None:
        """Say once that this invoker is not to be used, and ping no more until enabled.

        A restart does not enable it where the operator gave a file for that
        (``invoker.disabled_file``).
        """
        self._maintenance.begin()
        await self._say_goodbye()

    async def stop(self) -> None:
        """Say goodbye, and end."""
        await self._say_goodbye()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _say_goodbye(self) -> None:
        if self.enabled:
            self.enabled = False
            await self._send(False)

    async def _run(self) -> None:
        while True:
            if self.enabled:
                if await self._well():
                    await self._send(True)
                else:
                    self.left_out += 1
            await asyncio.sleep(PING_PERIOD_S)

    async def _well(self) -> bool:
        """Whether all vitals are; a change is logged, a state is not."""
        ill: str | None = None
        for vital in self._vitals:
            ill = await vital()
            if ill is not None:
                break
        if ill != self.ill:
            if ill is not None:
                self.stops[ill] = self.stops.get(ill, 0) + 1
                event(logger, logging.ERROR, "pings-stopped", reason=ill)
            else:
                event(logger, logging.INFO, "pings-resumed")
            self.ill = ill
        return ill is None

    async def _send(self, enabled: bool) -> None:
        try:
            await self._sender.send(self._topic, jsontext.encode(ping(self._instance, enabled)))
            self.sent += 1
        except SystemFault as fault:
            self.failed += 1
            event(logger, logging.ERROR, "ping-not-sent", error=str(fault))
