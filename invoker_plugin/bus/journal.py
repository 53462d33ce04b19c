"""How far messages were handed over, in a file: known at once after a crash, without a broker.

A commit takes a round trip to the brokers, some 1.5 ms that an idle activation would wait for. The
file takes a few microseconds and holds the same promise where the process is killed: the kernel has
what was written. It is not flushed to the disk, so a host that loses power may forget the last
tenth of a second; what was committed by then stands.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import struct
import zlib
from pathlib import Path

from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

_RECORD = struct.Struct("!8sQQ")
_SUM = struct.Struct("!I")
_MAGIC = b"swiftj01"


class Journal:
    """One topic's place. The file is locked: two processes of one host cannot share a number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _open_locked(path)
        self.offset_after, self.newest_ms = self._read()

    @classmethod
    def of(cls, directory: str, topic: str, brokers: tuple[str, ...]) -> Journal | None:
        """The journal of ``topic``, or ``None`` where the directory is of no use (said in the log).

        Other brokers mean another topic, so they are part of the name. Raises ``SystemFault``
        where another process has it.
        """
        cluster = zlib.crc32(",".join(sorted(brokers)).encode())
        name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{topic}-{cluster:08x}.dispatched")
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            return cls(Path(directory, name))
        except OSError as error:
            event(
                logger,
                logging.WARNING,
                "journal-not-kept",
                directory=directory,
                error=error.strerror or str(error),
                consequence="each activation waits for a commit",
            )
            return None

    def write(self, offset_after: int, newest_ms: int) -> None:
        """All before ``offset_after`` was handed over; none has a later time than ``newest_ms``.

        Raises ``OSError``.
        """
        record = _RECORD.pack(_MAGIC, offset_after, newest_ms)
        os.pwrite(self._file, record + _SUM.pack(zlib.crc32(record)), 0)

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._file)

    def _read(self) -> tuple[int, int]:
        data = os.pread(self._file, _RECORD.size + _SUM.size, 0)
        if not data:
            return 0, 0
        record, stored = data[: _RECORD.size], data[_RECORD.size :]
        if len(stored) != _SUM.size or _SUM.unpack(stored)[0] != zlib.crc32(record):
            event(logger, logging.ERROR, "journal-unreadable", path=str(self._path))
            return 0, 0
        magic, offset_after, newest_ms = _RECORD.unpack(record)
        return (offset_after, newest_ms) if magic == _MAGIC else (0, 0)


def _open_locked(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise SystemFault(
            f"another process of this host holds {path}: two invokers have one number; "
            "stop the other, or give this one a number of its own"
        ) from None
    except BaseException:
        os.close(file)
        raise
    return file
