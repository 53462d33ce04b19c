"""Signs of life for the service manager: ready when it consumes, alive while its parts work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from invoker_plugin.health.service_manager import ServiceManager
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

PERIOD_S = 1.0


class Heartbeat:
    """Sends from the event loop, so that a loop that hangs is silent.

    ``stuck`` says which part of this process hangs, in words, or ``None``. Only what a restart
    would mend counts: while Kafka, the store or Docker is away the invoker waits for it, and a
    restart would only lose what runs.
    """

    def __init__(
        self,
        manager: ServiceManager,
        consuming: Callable[[], bool],
        stuck: Callable[[], str | None],
        status: Callable[[], str],
    ) -> None:
        self._manager = manager
        self._consuming = consuming
        self._stuck = stuck
        self._status = status
        self._told: str | None = None
        self._withheld: str | None = None
        self._ready = False

    async def run(self) -> None:
        """Tell until cancelled."""
        watchdog_s = self._manager.watchdog_s
        period_s = PERIOD_S if watchdog_s is None else min(PERIOD_S, watchdog_s / 3)
        while True:
            self.beat()
            await asyncio.sleep(period_s)

    def beat(self) -> None:
        """Tell once, what changed only."""
        status = self._status()
        if not self._ready and self._consuming():
            self._ready = True
            self._manager.ready(status)
        elif status != self._told:
            self._manager.status(status)
        self._told = status
        stuck = self._stuck()
        if stuck is None:
            self._manager.alive()
        elif stuck != self._withheld:
            event(logger, logging.ERROR, "watchdog-withheld", reason=stuck)
        self._withheld = stuck
