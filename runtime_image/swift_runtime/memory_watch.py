"""Kills a worker whose private memory passes its limit.

The container's own limit is for all its processes together, so without this one greedy worker
would have the kernel choose a victim among its siblings.
"""

from __future__ import annotations

import asyncio
from typing import NoReturn

from swift_runtime import process
from swift_runtime.fleet import Fleet
from swift_runtime.handle import WorkerHandle

_INTERVAL_SECONDS = 0.05


class MemoryWatch:
    """Looks at every worker while any of them runs an activation."""

    def __init__(self, fleet: Fleet, limit_mb: int) -> None:
        self._fleet = fleet
        self._limit_kb = limit_mb * 1024

    async def watch(self) -> NoReturn:
        """Run until cancelled."""
        while True:
            await self._fleet.busy.wait()
            workers = self._fleet.workers()
            if all(worker.state == "idle" for worker in workers):
                self._fleet.busy.clear()
                continue
            for worker in workers:
                if self._passes(worker):
                    self._fleet.order_kill(worker, "memory")
            await asyncio.sleep(_INTERVAL_SECONDS)

    def _passes(self, worker: WorkerHandle) -> bool:
        if worker.pid is None or worker.ordered is not None:
            return False
        # the exact figure walks the page tables: ask for it only when it can matter
        resident = process.resident_kb(worker.pid)
        if resident is None or resident <= self._limit_kb:
            return False
        private = process.private_kb(worker.pid)
        return private is not None and private > self._limit_kb
