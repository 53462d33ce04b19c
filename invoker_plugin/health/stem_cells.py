"""Probes stem cells, so that no user's first activation finds a dead one (behaviour 82)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from invoker_plugin.log import event

logger = logging.getLogger(__name__)


class StemCell(Protocol):
    """What is needed of a container."""

    @property
    def id(self) -> str: ...

    async def listens(self, timeout_ms: int = 1000) -> bool:
        """True when its proxy accepts a connection."""


class StemCellProbe:
    """Connects to every stem cell each period; one that fails several times in a row is lost.

    Failures count from the first success on: a runtime that is still loading is not dead, and what
    ends by itself is known from Docker's events. Only stem cells are probed: a container that has
    an action is judged by its answers.
    """

    def __init__(
        self,
        cells: Callable[[], Iterable[tuple[int, StemCell]]],
        lost: Callable[[int, str], None],
        period_s: float = 3.0,
        most_fails: int = 3,
    ) -> None:
        self._cells = cells
        self._lost = lost
        self._period_s = period_s
        self._most_fails = most_fails
        self._fails: dict[int, int] = {}

    async def run(self) -> None:
        """Probe until cancelled."""
        while True:
            await asyncio.sleep(self._period_s)
            await self.probe()

    async def probe(self) -> None:
        """Probe each stem cell once, all at the same time."""
        cells = list(self._cells())
        living = await asyncio.gather(*(cell.listens() for _, cell in cells))
        fails: dict[int, int] = {}
        for (number, _), listens in zip(cells, living, strict=True):
            if listens:
                fails[number] = 0
            elif number in self._fails:
                fails[number] = self._fails[number] + 1
        self._fails = fails
        for number, cell in cells:
            if fails.get(number, 0) >= self._most_fails:
                del self._fails[number]
                event(logger, logging.WARNING, "stem-cell-lost", container=cell.id[:12])
                self._lost(number, "stem cell does not answer")
