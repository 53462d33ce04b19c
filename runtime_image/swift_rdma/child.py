"""A forked child that does one piece of work and says how it failed."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from typing import NoReturn

_TEXT_BYTES = 512


class Child:
    """Forked at once; :meth:`failure` ends it."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _attempt(work, writer)
        os.close(writer)

    def kill(self) -> None:
        """Kill it, wherever it is."""
        os.kill(self.pid, signal.SIGKILL)

    def failure(self, timeout_s: float) -> str | None:
        """Wait for its end, kill it after ``timeout_s``; None, or the first line of why."""
        try:
            ended = _wait(self.pid, timeout_s)
            text = os.read(self._reader, _TEXT_BYTES).decode(errors="replace")
        finally:
            os.close(self._reader)
        if ended is None:
            return f"a forked child did not end within {timeout_s} s"
        if os.WIFSIGNALED(ended):
            return f"a forked child died by {signal.Signals(os.WTERMSIG(ended)).name}"
        if os.WEXITSTATUS(ended) != 0:
            return f"in a forked child: {text or 'no reason given'}"
        return None


def _attempt(work: Callable[[], object], writer: int) -> NoReturn:
    code = 1
    try:
        work()
        code = 0
    except Exception as error:  # noqa: BLE001  whatever it is, it is the parent's to judge
        lines = (str(error) or type(error).__name__).splitlines()
        os.write(writer, lines[0].encode(errors="replace")[:_TEXT_BYTES])
    finally:
        os._exit(code)  # no destructor of the parent's objects may run here


def _wait(pid: int, timeout_s: float) -> int | None:
    """The child's wait status; None when it had to be killed."""
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        deadline = time.monotonic() + timeout_s
        ended = bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
        if not ended:
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        return status if ended else None
    finally:
        os.close(handle)
