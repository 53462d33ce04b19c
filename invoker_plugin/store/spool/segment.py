"""One file of the spool: only ever appended to, and removed as a whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from invoker_plugin.store.spool.entry import Entry

HEADER = b"swift-invoker records 1\n"
"""The first line of every file; another format will have another number."""
_MODE = 0o600  # results and logs are their users'


@dataclass(slots=True, eq=False)
class Segment:
    """A file of records in the order in which they came.

    ``unsettled`` counts what in it is still needed; ``read_to`` is how far it was handed on;
    ``recovered``: an earlier process wrote it, and may have stored any of it already.
    """

    path: Path
    size: int = 0
    read_to: int = len(HEADER)
    unsettled: int = 0
    recovered: bool = False
    _file: int | None = field(default=None, repr=False)

    @classmethod
    def create(cls, path: Path) -> Segment:
        """Make the file, which must not be there; raise ``OSError``."""
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        segment = cls(path, _file=os.open(path, flags, _MODE))
        try:
            segment.append(HEADER)
        except OSError:
            segment.remove()
            raise
        return segment

    def append(self, line: bytes) -> None:
        """Add a line; raise ``OSError`` with the file as it was before."""
        assert self._file is not None
        written = 0
        try:
            while written < len(line):
                written += os.write(self._file, line[written:] if written else line)
        except OSError:
            if written:
                os.ftruncate(self._file, self.size)
            raise
        self.size += len(line)

    def read(self, max_bytes: int, end: int) -> tuple[list[Entry], int]:
        """Return the entries from ``read_to`` on, some ``max_bytes`` and at least one; and to where
        they go. Damaged lines are passed over: they were told and set aside before.
        """
        entries: list[Entry] = []
        position = self.read_to
        with self.path.open("rb") as file:
            file.seek(position)
            while position < end and position - self.read_to < max_bytes:
                line = file.readline()
                if not line:
                    return entries, end
                position += len(line)
                try:
                    entries.append(Entry.decode(line))
                except ValueError:
                    continue
        return entries, position

    def syncing(self) -> Callable[[], None]:
        """Return what has the disk itself hold what was appended; it may be called in a thread."""
        assert self._file is not None
        # A file of its own, since this one may be closed meanwhile.
        file = os.dup(self._file)

        def sync() -> None:
            try:
                os.fdatasync(file)
            finally:
                os.close(file)

        return sync

    def close(self) -> None:
        """Nothing more is appended."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def remove(self) -> None:
        """Close and delete it."""
        self.close()
        self.path.unlink(missing_ok=True)
