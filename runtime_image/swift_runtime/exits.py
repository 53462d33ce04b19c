"""How a worker came to its end."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_EVENTS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)

TEXTS = {
    "exit": "The action did not produce a valid response and exited unexpectedly.",
    "signal": "The action did not produce a valid response and exited unexpectedly.",
    "memory": "The action exhausted its memory and was aborted.",
    "killed": "The action was stopped before it answered.",
    "template": "The action's template is gone, and its workers with it.",
}


@dataclass(frozen=True)
class WorkerExit:
    """Why a worker is no more; ``reason`` is a key of :data:`TEXTS`."""

    reason: str
    code: int | None = None
    signal: int | None = None

    @classmethod
    def from_status(cls, status: int, ordered: str | None, memory_kill: bool) -> WorkerExit:
        """From a wait status; ``ordered`` is the reason we had for killing it, if we did."""
        if not os.WIFSIGNALED(status):
            return cls("exit", code=os.WEXITSTATUS(status))
        number = os.WTERMSIG(status)
        if number == signal.SIGKILL and ordered is not None:
            return cls(ordered, signal=number)
        if number == signal.SIGKILL and memory_kill:
            return cls("memory", signal=number)
        return cls("signal", signal=number)

    @property
    def text(self) -> str:
        """What the user reads, in OpenWhisk's words where it has any."""
        return TEXTS[self.reason]

    def to_json(self) -> dict[str, Any]:
        return {"reason": self.reason, "code": self.code, "signal": self.signal}


class OutOfMemoryKills:
    """Notices when the kernel killed a process of this container for its memory."""

    def __init__(self, candidates: tuple[Path, ...] = _EVENTS) -> None:
        self._path = next((path for path in candidates if path.exists()), None)
        self._seen = self._count()

    def one_more(self) -> bool:
        """Whether there was one since the last call."""
        before, self._seen = self._seen, self._count()
        return self._seen > before

    def _count(self) -> int:
        if self._path is None:
            return 0
        for line in self._path.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
        return 0
