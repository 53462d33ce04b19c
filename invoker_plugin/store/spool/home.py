"""The directory of one invoker's spool: made, and held by one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from invoker_plugin.errors import ConfigurationError, SystemFault

_LOCK = "lock"
_REMEDY = (
    "give store.spool_directory a directory that this user may write, "
    'or "" to keep waiting records in memory only'
)


class Home:
    """A directory with a lock that ends with its process, however that ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock: int | None = None

    def open(self) -> None:
        """Make the directory and lock it.

        Raises ``ConfigurationError`` where that is not possible, ``SystemFault`` where another
        process has it.
        """
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.directory / _LOCK, flags, 0o600)
        except OSError as failure:
            raise ConfigurationError(
                f"records cannot wait in {self.directory}: {failure.strerror}; {_REMEDY}"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as failure:
            self.close()
            raise SystemFault(
                f"{self.directory} is in use by another process ({failure.strerror}): two "
                "invokers on this host have one number, or one has not ended yet"
            ) from None

    def close(self) -> None:
        """Let go of the directory."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)
