"""Puts an activation's log together from what the container wrote. Pure: no files, no clock."""

from __future__ import annotations

from invoker_plugin.containers import log_line
from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.log_line import LogLine
from invoker_plugin.wire import texts

SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
"""A managed runtime ends an activation's output with it, once on each of stdout and stderr."""
_SENTINELS = 2


class LogAssembly:
    """Takes lines until both sentinels came or the limit is passed (behaviours 115 to 118)."""

    def __init__(self, limit_bytes: int, expect_sentinels: bool) -> None:
        self._limit_bytes = limit_bytes
        self._missing = _SENTINELS if expect_sentinels else 0
        self._expects = expect_sentinels
        self._lines: list[str] = []
        self._bytes = 0
        self.truncated = False

    @property
    def finished(self) -> bool:
        """True when nothing more belongs to this activation, or may be kept of it."""
        return self.truncated or (self._expects and self._missing == 0)

    def feed(self, line: LogLine, weight: int) -> None:
        """Take one line; ``weight`` is its size in bytes as the log has it, line end included.

        The limit is on those bytes, as with stock OpenWhisk, not on the text's alone.
        """
        self._bytes += weight
        if self._bytes > self._limit_bytes:
            self.truncated = True
            return
        if SENTINEL in line.text:
            # Never shown, even where none was waited for.
            self._missing = max(self._missing - 1, 0)
            return
        self._lines.append(line.formatted())

    def collection(self, developer_error: bool = False, failed: bool = False) -> LogCollection:
        """The log as it stands, with the notices that belong to it.

        ``failed``: reading it failed. A sentinel that did not come counts as that too.
        """
        lines = list(self._lines)
        lost = failed or (self._missing > 0 and not self.truncated)
        if self.truncated:
            lines.append(log_line.notice(texts.logs_truncated(self._limit_bytes)))
        elif lost:
            lines.append(log_line.notice(texts.LOG_FAILURE))
        if developer_error:
            lines.append(log_line.notice(texts.LOG_DEVELOPER_ERROR))
        return LogCollection(tuple(lines), not (lost or self.truncated), self.truncated)
