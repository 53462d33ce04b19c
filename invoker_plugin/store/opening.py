"""Opens the store that the settings name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.store.actions import ActionStore
from invoker_plugin.store.blocked import BlockedNamespaces
from invoker_plugin.store.cache import ActionCache
from invoker_plugin.store.couch import CouchStore
from invoker_plugin.store.levels import StoreLevels
from invoker_plugin.store.records import RecordWriter
from invoker_plugin.store.spool import Spool


@dataclass(frozen=True, slots=True)
class Store:
    """The store's parts, on one connection."""

    couch: CouchStore
    actions: ActionStore
    records: RecordWriter
    blocked: BlockedNamespaces
    levels: StoreLevels

    async def close(self) -> None:
        """Write the last records, and let go of the connections."""
        await self.records.close()
        await self.couch.close()


def open_store(settings: StoreSettings, invoker: str = "invoker") -> Store:
    """Return the store; nothing is asked of it yet, and no record is written before ``start``.

    ``invoker`` tells this invoker from others of the host: the name of its topic.
    """
    couch = CouchStore(settings)
    cache = ActionCache(settings.cached_actions, settings.cached_bytes)
    return Store(
        couch=couch,
        actions=ActionStore(couch, settings.actions, cache),
        records=RecordWriter(couch, settings.activations, settings, _spool(settings, invoker)),
        blocked=BlockedNamespaces(couch, settings.subjects, settings.blocked_poll_ms),
        levels=StoreLevels(settings.blocking_level, settings.non_blocking_level),
    )


def _spool(settings: StoreSettings, invoker: str) -> Spool | None:
    if not settings.spool_directory:
        return None
    directory = Path(settings.spool_directory) / invoker
    return Spool(directory, settings.spool_bytes, settings.spool_records, settings.spool_sync)
