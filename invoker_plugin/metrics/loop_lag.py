"""How late the event loop is: what blocks it delays everything."""

from __future__ import annotations

import asyncio

PERIOD_S = 0.25


class LoopLag:
    """Sleeps again and again, and notes how much longer it slept than it wanted."""

    def __init__(self) -> None:
        self._worst_s = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            begun_s = loop.time()
            await asyncio.sleep(PERIOD_S)
            self._worst_s = max(self._worst_s, loop.time() - begun_s - PERIOD_S)

    @property
    def worst_ms(self) -> float:
        """The worst so far, in ms."""
        return self._worst_s * 1000

    def take_ms(self) -> float:
        """The worst since this was asked last, in ms."""
        worst_ms, self._worst_s = self.worst_ms, 0.0
        return worst_ms
