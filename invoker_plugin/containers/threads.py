"""A bounded set of threads for blocking calls, seen from an event loop.

Unlike the standard library's executor its threads are daemons: one that Docker keeps waiting must
not keep this process from ending.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Threads:
    """Up to ``count`` threads, started as they are needed."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._started = 0
        self._idle = 0
        self._lock = threading.Lock()

    def run(self, function: Callable[[], Result]) -> asyncio.Future[Result]:
        """Call ``function`` in a thread; the future belongs to the running event loop.

        Cancelling the future does not stop a call that has begun.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._jobs.put((function, future))
        with self._lock:
            if self._idle < self._jobs.qsize() and self._started < self._count:
                self._started += 1
                name = f"{self._name}-{self._started}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        return future

    def close(self) -> None:
        """Let the threads end once the queue is empty; does not wait for them."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            job = self._jobs.get()
            with self._lock:
                self._idle -= 1
            if job is None:
                return
            _answer(*job)


def _answer(function: Callable[[], Any], future: asyncio.Future[Any]) -> None:
    """Call, and hand the result or the exception to the future's own loop."""
    loop = future.get_loop()
    settle: Callable[..., None]
    try:
        settle, value = future.set_result, function()
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to who awaits the future
        settle, value = future.set_exception, error
    try:
        loop.call_soon_threadsafe(_settle, future, settle, value)
    except RuntimeError:
        # The loop was closed meanwhile: nobody awaits the future any more.
        return


def _settle(future: asyncio.Future[Any], settle: Callable[[Any], None], value: Any) -> None:
    if not future.done():
        settle(value)
