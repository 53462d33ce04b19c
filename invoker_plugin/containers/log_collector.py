"""Collects the log of an activation that has ended, from an ordinary container.

All of it was written before the container answered, so only Docker's flushing is waited for, never
the action.
"""

from __future__ import annotations

import asyncio
import logging
import time

from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.log_assembly import LogAssembly
from invoker_plugin.containers.log_sources import LogSource
from invoker_plugin.errors import InvokerError
from invoker_plugin.log import event

_log = logging.getLogger(__name__)
IDLE_LIMIT_S = 2.0
"""So long without a new line, and the sentinels will not come (behaviour 118)."""
TOTAL_LIMIT_S = 60.0
_SETTLE_S = 0.03
"""Without sentinels: so long without a new line, and Docker has written all there is."""
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.02


class LogCollector:
    """Collects from one container, one activation at a time."""

    def __init__(self, source: LogSource, container: str) -> None:
        self._source = source
        self._container = container
        self._turn = asyncio.Lock()

    async def collect(
        self, limit_bytes: int, expect_sentinels: bool, developer_error: bool = False
    ) -> LogCollection:
        """The log since the last collection. Never raises what reading it raises."""
        assembly = LogAssembly(limit_bytes, expect_sentinels)
        failed = False
        async with self._turn:
            try:
                await self._fill(assembly, expect_sentinels)
                if assembly.truncated:
                    await self._source.skip_to_end()
            except (OSError, ValueError, InvokerError) as error:
                failed = True
                event(
                    _log,
                    logging.WARNING,
                    "log_collection_failed",
                    container=self._container,
                    error=str(error),
                )
        return assembly.collection(developer_error, failed)

    async def _fill(self, assembly: LogAssembly, expect_sentinels: bool) -> None:
        began = last = time.monotonic()
        pause_s = _FIRST_PAUSE_S
        while True:
            lines = await self._source.read()
            for position, (line, weight) in enumerate(lines, 1):
                assembly.feed(line, weight)
                if assembly.finished:
                    self._source.put_back(lines[position:])
                    return
            now = time.monotonic()
            if lines:
                last, pause_s = now, _FIRST_PAUSE_S
            elif now - last >= (IDLE_LIMIT_S if expect_sentinels else _SETTLE_S):
                return
            if now - began >= TOTAL_LIMIT_S:
                return
            await asyncio.sleep(0 if lines else pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
