"""Structured logs: one JSON object a line, one line an event.

Every duration's key names its unit (``wait_ms``). Lines that belong to an activation carry
``activation`` and ``transid``.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any, TextIO

_FIELDS = "swift_fields"


def event(logger: logging.Logger, level: int, name: str, **fields: Any) -> None:
    """Log the event ``name`` with ``fields``; ``None`` fields are left out."""
    if logger.isEnabledFor(level):
        kept = {key: value for key, value in fields.items() if value is not None}
        logger.log(level, name, extra={_FIELDS: kept})


class JsonLines(logging.Formatter):
    """Formats a record as one JSON line: time, level, logger, event, then the event's fields."""

    def __init__(self) -> None:
        super().__init__()
        # One encoder for all lines, and the time's text once a second: an activation has two lines.
        self._encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
        self._second, self._prefix = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self._time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update(getattr(record, _FIELDS, {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return self._encode(line)

    def _time(self, created_s: float) -> str:
        """UTC in ISO 8601, to the millisecond."""
        second, rest_us = divmod(round(created_s * 1_000_000), 1_000_000)
        if second != self._second:
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._prefix}.{rest_us // 1000:03d}Z"


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs as JSON lines to ``stream`` (stderr by default) at ``level``."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # What our lines do not show need not be found out for each (the Logging HOWTO's list).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
