"""The way to the end: who asked for it, how long it may take, how far it has come."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Literal

from invoker_plugin.invoker.clock import wall_ms

Step = Literal["none", "finishing", "removing", "flushing", "done"]

SHUT_DOWN = "The invoker was shut down before the activation ended."
"""What the callers of activations are told that did not end within the limit."""


class Drain:
    """One for each process. ``limit_s`` is how long what runs may take, unless who asks says so.

    Steps: ``finishing`` what was begun; ``removing`` the containers; ``flushing`` records and acks;
    ``done``.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._deadline_s = float("inf")
        self._asked = asyncio.Event()
        self.asked_by: str | None = None
        self.step: Step = "none"
        self.given_up = 0
        """Activations that did not end within the limit."""

    def ask(self, by: str, limit_s: float | None = None) -> bool:
        """Have the invoker end; whether nobody had asked before.

        Asked again with a limit, that one counts from now; 0 waits for nothing any more.
        """
        first = self.asked_by is None
        if first:
            self.asked_by = by
        if first or limit_s is not None:
            wanted_s = self._limit_s if limit_s is None else limit_s
            self._deadline_s = time.monotonic() + wanted_s
        self._asked.set()
        return first

    async def asked(self) -> None:
        """Wait until someone asked."""
        await self._asked.wait()

    @property
    def left_s(self) -> float:
        """What is left of the limit: 0 when it is over, infinite while nobody asked."""
        return max(0.0, self._deadline_s - time.monotonic())

    def told(self) -> dict[str, Any] | None:
        """What ``GET /state`` says of it; ``None`` while nobody asked."""
        if self.asked_by is None:
            return None
        left_ms = round(self.left_s * 1000)
        return {
            "asked_by": self.asked_by,
            "step": self.step,
            "left_ms": left_ms,
            "deadline_ms": wall_ms() + left_ms,
            "given_up": self.given_up,
        }
