"""One thread for one Kafka client, shared by long polls and by calls that cannot wait for them.

kafka-python is not thread-safe, and a commit of confluent-kafka waits until a poll that another
thread is in has ended. So a poll is made of short slices in the client's own thread, and gives way
between two of them to whatever else is to be done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from invoker_plugin.bus.interface import Message

Result = TypeVar("Result")
Slice = Callable[[int, float], list[Message]]
"""Polls for at most so many messages and seconds."""
LONGEST_SLICE_S = 0.1
_OF_THE_QUIET = 0.05


class PollingThread:
    """Runs a client's calls one by one, in a thread of its own.

    ``slice_s`` is the longest that another call waits for a poll while there is work. Commits
    follow messages, so slices grow with the quiet since the last message or call, to
    ``LONGEST_SLICE_S`` after two seconds: an idle invoker wakes ten times a second.
    """

    def __init__(
        self, name: str, slice_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shortest_s = slice_s
        self._clock = clock
        self._executor = ThreadPoolExecutor(1, name)
        self._urgent = 0
        self._last_work_s = self._clock()

    async def poll(self, poll: Slice, max_messages: int, timeout_s: float) -> list[Message]:
        """Poll by slices until there are messages or the time is over."""
        loop = asyncio.get_running_loop()
        deadline_s = self._clock() + timeout_s
        while True:
            found = await loop.run_in_executor(
                self._executor, self._slices, poll, max_messages, deadline_s
            )
            if found or self._clock() >= deadline_s:
                return found

    async def call(self, function: Callable[[], Result]) -> Result:
        """Run ``function`` in the thread; a poll that is under way makes room for it."""
        self._urgent += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function)
        finally:
            self._urgent -= 1
            self._last_work_s = self._clock()

    def stop(self) -> None:
        """Let the thread end when it has nothing more to do."""
        self._executor.shutdown(wait=False)

    def _slices(self, poll: Slice, max_messages: int, deadline_s: float) -> list[Message]:
        while True:
            left_s = max(deadline_s - self._clock(), 0.0)
            found = poll(max_messages, min(left_s, self.slice_s()))
            if found:
                self._last_work_s = self._clock()
            if found or left_s == 0.0 or self._urgent:
                return found

    def slice_s(self) -> float:
        """How long a slice that begins now may be, in seconds."""
        quiet_s = self._clock() - self._last_work_s
        return max(self._shortest_s, min(quiet_s * _OF_THE_QUIET, LONGEST_SLICE_S))
