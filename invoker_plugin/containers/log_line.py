"""One line of a log, and the form it has in an activation record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True)
class LogLine:
    """A line that a container wrote. ``time`` is RFC 3339 in UTC, as Docker writes it."""

    time: str
    stream: str
    text: str

    def formatted(self) -> str:
        """30 columns of time, stream, text (behaviour 120). A shorter time is padded."""
        return f"{self.time:<30} {self.stream}: {self.text}"


def parse(data: bytes) -> LogLine:
    """A line of Docker's json-file log. Raises ValueError when it is none.

    Docker cuts what was written without a line end for long into several of these.
    """
    entry = json.loads(data)
    if not isinstance(entry, dict):
        raise ValueError("log entry is no object")
    text = str(entry.get("log", ""))
    # Only the line end goes: what the action indented stays indented.
    return LogLine(str(entry.get("time", "")), str(entry.get("stream", "")), text.rstrip("\r\n"))


def notice(text: str) -> str:
    """A line of our own in the log, in the place where something is missing."""
    moment = datetime.now(tz=timezone.utc).isoformat(timespec="microseconds")
    return LogLine(moment.replace("+00:00", "Z"), "stderr", text).formatted()
