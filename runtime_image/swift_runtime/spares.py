"""Workers that are forked ahead of the activation that will use them.

A spare is an ordinary worker up to where it would read its first activation: it has a slot, pipes,
a directory, and has touched the memory that every activation touches. A fork start then costs one
message. It is used by one worker alone, as any fork is, and counts against the slots.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from swift_runtime.handle import WorkerHandle

_REST_SECONDS = 0.05
"""After the last fork: a burst's own processes come first."""
_PAUSE_SECONDS = 1.0
"""After spares were given up, for instance because the device went away."""
_MOST_DEATHS = 3
_NAME = "spare.{}"
"""An invoker's names of workers have no dot."""


class Spares:
    """Keeps ``wanted`` workers ready; ``fork`` asks for one, None when there is no slot for it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, fork: Callable[[str], WorkerHandle | None]
    ) -> None:
        self.wanted = 0
        self._loop = loop
        self._fork = fork
        self._ready: list[WorkerHandle] = []
        self._count = 0
        self._deaths = 0
        self._timer: asyncio.TimerHandle | None = None

    def handles(self) -> list[WorkerHandle]:
        """Those that wait."""
        return list(self._ready)

    def take(self) -> WorkerHandle | None:
        """The oldest one, which is a spare no more; None when there is none."""
        if not self._ready:
            return None
        self._deaths = 0
        return self._ready.pop(0)

    def later(self, delay_seconds: float = _REST_SECONDS) -> None:
        """Fork what is missing, ``delay_seconds`` after the last call."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.wanted and self._deaths < _MOST_DEATHS:
            self._timer = self._loop.call_later(delay_seconds, self._fill)

    def given_up(self) -> list[WorkerHandle]:
        """All that wait, for the caller to end; others are forked after a pause."""
        given_up, self._ready = self._ready, []
        self.later(_PAUSE_SECONDS)
        return given_up

    def died(self, worker: WorkerHandle) -> None:
        """One of them is no more, or never was."""
        if worker not in self._ready:
            return
        self._ready.remove(worker)
        self._deaths += 1
        if self._deaths == _MOST_DEATHS:
            print("swift: no spare workers any more: they die while they wait", file=sys.stderr)
        self.later(_PAUSE_SECONDS)

    def _fill(self) -> None:
        self._timer = None
        while len(self._ready) < self.wanted:
            self._count += 1
            worker = self._fork(_NAME.format(self._count))
            if worker is None:
                return
            self._ready.append(worker)
