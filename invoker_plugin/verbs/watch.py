"""What the invoker does about RDMA devices that come and go, where its containers get one."""

from __future__ import annotations

from collections.abc import Callable

from invoker_plugin.verbs.changes import DeviceChanges
from invoker_plugin.verbs.keeper import CacheKeeper


class DeviceWatch:
    """Tells of changes, and keeps the discovery cache as the devices are."""

    def __init__(
        self, wanted: bool, cache_directory: str | None, changed: Callable[[], None]
    ) -> None:
        """Without ``wanted`` it does nothing; without a directory there is no cache."""
        self._changes = DeviceChanges() if wanted else None
        self._cache = CacheKeeper(cache_directory) if wanted and cache_directory else None
        if self._changes is not None:
            self._changes.on_change(changed)
            if self._cache is not None:
                self._changes.on_change(self._cache.changed)

    async def start(self) -> None:
        """Listen, then write the cache: no change is missed between the two."""
        if self._changes is not None:
            self._changes.start()
        if self._cache is not None:
            await self._cache.start()

    async def stop(self) -> None:
        """Watch no more; the cache stays."""
        if self._changes is not None:
            self._changes.stop()
        if self._cache is not None:
            await self._cache.stop()
