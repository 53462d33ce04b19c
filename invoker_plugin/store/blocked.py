"""Which namespaces are blocked (behaviour 30)."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event
from invoker_plugin.store.couch import Couch

logger = logging.getLogger(__name__)

DESIGN, VIEW = "namespaceThrottlings", "blockedNamespaces"


class BlockedNamespaces:
    """Read at start and every few minutes; a read that fails leaves the list as it was."""

    def __init__(self, couch: Couch, settings: StoreSettings) -> None:
        self._couch = couch
        self._database = settings.subjects
        self._period_s = settings.blocked_poll_ms / 1000
        self._names: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None

    def __contains__(self, namespace: object) -> bool:
        return namespace in self._names

    async def start(self) -> None:
        """Read once, and go on reading."""
        await self.refresh()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def refresh(self) -> None:
        """Read the list anew; a failure is logged, and the old list stays."""
        query = {"reduce": "false"}
        try:
            rows = await self._couch.view(self._database, DESIGN, VIEW, query)
        except SystemFault as fault:
            event(logger, logging.WARNING, "blocked-namespaces-not-read", error=str(fault))
            return
        self._names = frozenset(str(row.get("key")) for row in rows)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            await self.refresh()
