"""Says that there is trouble with the brokers, and not 40 times a second."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from invoker_plugin.log import event

QUIET_S = 30.0


class Trouble:
    """Logs the first of like events, and then one in a while with the count of those between.

    librdkafka repeats itself for every failed attempt to connect, in threads of its own.
    """

    def __init__(self, logger: logging.Logger, name: str, **fields: Any) -> None:
        self._logger = logger
        self._name = name
        self._fields = fields
        self._lock = threading.Lock()
        self._told_s: dict[str, float] = {}
        self._kept_back = 0

    def tell(self, code: str, text: str) -> None:
        """Log ``text`` unless an event of the same ``code`` was logged a short while ago."""
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._told_s.get(code, -QUIET_S) < QUIET_S:
                self._kept_back += 1
                return
            self._told_s[code] = now_s
            kept_back, self._kept_back = self._kept_back, 0
        event(
            self._logger,
            logging.WARNING,
            self._name,
            error=text,
            kept_back=kept_back or None,
            **self._fields,
        )

    def over(self) -> None:
        """Say at once what comes next: what went before is mended."""
        with self._lock:
            self._told_s.clear()
