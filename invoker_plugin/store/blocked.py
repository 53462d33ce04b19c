"""Namespaces that may not invoke: their limit is 0, or one of their subjects is blocked."""

from __future__ import annotations

import asyncio
import logging

from invoker_plugin.log import event
from invoker_plugin.store.couch import CouchStore, StoreFault

logger = logging.getLogger(__name__)

_DESIGN = "namespaceThrottlings"
_VIEW = "blockedNamespaces"


class BlockedNamespaces:
    """The list, read again every few minutes; a read that fails keeps the old one (30)."""

    def __init__(self, store: CouchStore, database: str, poll_ms: int) -> None:
        self._store = store
        self._database = database
        self._poll_s = poll_ms / 1000
        self._names: frozenset[str] = frozenset()

    def __contains__(self, namespace: object) -> bool:
        return namespace in self._names

    def __len__(self) -> int:
        return len(self._names)

    async def refresh(self) -> bool:
        """Read the list; return whether that worked."""
        try:
            rows = await self._store.view(
                self._database,
                _DESIGN,
                _VIEW,
                stale="update_after",
                descending="true",
                reduce="false",
            )
        except StoreFault as fault:
            event(
                logger,
                logging.WARNING,
                "blocked-namespaces-not-read",
                error=str(fault),
                kept=len(self._names),
            )
            return False
        keys = [row.get("key") for row in rows if isinstance(row, dict)]
        self._names = frozenset(key for key in keys if isinstance(key, str))
        return True

    async def run(self) -> None:
        """Refresh now and again, until cancelled."""
        while True:
            await asyncio.sleep(self._poll_s)
            await self.refresh()
