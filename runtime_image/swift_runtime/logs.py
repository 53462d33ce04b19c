"""Output of activations, kept apart until the invoker fetches it."""

from __future__ import annotations

import json
import tempfile
import time
from collections import OrderedDict
from typing import IO, Protocol

_IN_MEMORY_BYTES = 256 * 1024
"""What one activation's log may take of the proxy's memory; the rest is on disk."""
_HELD_LOGS = 256
"""Finished logs that wait to be fetched; the oldest is forgotten beyond it."""


class Sink(Protocol):
    """Where lines go."""

    def line(self, stream: str, data: bytes, time_ns: int) -> None:
        """Take one line, without its newline, read at ``time_ns`` (Unix time)."""


class ActivationLog:
    """The lines of one activation, cut at a limit of bytes (newlines count)."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.lines = 0
        self.bytes = 0
        self.truncated = False
        # closed by who takes the content
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115

    def line(self, stream: str, data: bytes, time_ns: int) -> None:
        """Add a line; what passes the limit is cut off and marked."""
        if self.limit_bytes == 0 or self.truncated:
            return
        room = self.limit_bytes - self.bytes
        if len(data) + 1 > room:
            self.truncated = True
            data = data[:room]
            if not data:
                return
        self.lines += 1
        self.bytes += min(len(data) + 1, room)
        text = json.dumps(data.decode("utf-8", "replace"), ensure_ascii=False)
        entry = f'{{"time": "{timestamp(time_ns)}", "stream": "{stream}", "line": {text}}}\n'
        self._file.write(entry.encode())

    def content(self) -> tuple[IO[bytes], int]:
        """The NDJSON lines as a file at its start, and their length; the caller closes it."""
        length = self._file.tell()
        self._file.seek(0)
        return self._file, length

    def replay(self, sink: Sink) -> None:
        """Deliver the lines to ``sink`` instead, and close."""
        with self.content()[0] as stream:
            for entry in stream:
                line = json.loads(entry)
                sink.line(line["stream"], line["line"].encode("utf-8", "surrogatepass"), 0)

    def close(self) -> None:
        self._file.close()


class LogBook:
    """Logs by activation id."""

    def __init__(self) -> None:
        self._open: dict[str, ActivationLog] = {}
        self._finished: OrderedDict[str, ActivationLog] = OrderedDict()

    def open(self, activation_id: str, limit_bytes: int) -> ActivationLog:
        """The log of an activation that starts, or goes on after its ``/init``."""
        log = self._finished.pop(activation_id, None) or ActivationLog(limit_bytes)
        log.limit_bytes = limit_bytes
        self._open[activation_id] = log
        return log

    def finish(self, activation_id: str) -> None:
        """The activation has ended: its lines wait to be fetched. An empty log is forgotten."""
        log = self._open.pop(activation_id)
        if log.lines == 0 and not log.truncated:
            log.close()
            return
        self._finished[activation_id] = log
        if len(self._finished) > _HELD_LOGS:
            self._finished.popitem(last=False)[1].close()

    def is_open(self, activation_id: str) -> bool:
        """Whether the activation still runs."""
        return activation_id in self._open

    def take(self, activation_id: str) -> ActivationLog | None:
        """The log of an ended activation, which is then forgotten here."""
        return self._finished.pop(activation_id, None)


def timestamp(time_ns: int) -> str:
    """Unix time as RFC 3339 with nanoseconds, as Docker's logs have it."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{moment}.{nanoseconds:09d}Z"
