"""The warning that activations wait for room (behaviour 47)."""

from __future__ import annotations

import logging

from prometheus_client import Counter

from invoker_plugin.invoker.activation import Activation
from invoker_plugin.invoker.clock import steady_ms
from invoker_plugin.log import event
from invoker_plugin.pool import Pool

logger = logging.getLogger(__name__)

PERIOD_MS = 10_000


class NoRoomLog:
    """One line at most in ten seconds, however many wait; ``count`` counts all of them.

    The stock invoker repeats the line for each job that waits, so that an overload fills its log.
    """

    def __init__(self, pool: Pool, counter: Counter) -> None:
        self._pool = pool
        self._counter = counter
        self._told_ms: int | None = None
        self._untold = 0
        self.count = 0
        """Activations that had to wait for room since the start."""

    def add(self, activation: Activation) -> None:
        """An activation waits that fits nowhere now."""
        self.count += 1
        self._counter.inc()
        self._untold += 1
        now_ms = steady_ms()
        if self._told_ms is not None and now_ms - self._told_ms < PERIOD_MS:
            return
        event(
            logger,
            logging.WARNING,
            "no-room",
            **activation.ids,
            since_last_line=self._untold,
            waiting=len(self._pool.buffer),
            used_mb=self._pool.containers.used_mb,
            limit_mb=self._pool.containers.limit_mb,
        )
        self._told_ms, self._untold = now_ms, 0
