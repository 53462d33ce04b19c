"""A file system of a few hundred kilobytes, which tests can fill up."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.machine.privilege import as_root

LARGEST = 4 * 1024 * 1024


class SmallDisk:
    """One that is mounted at ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._filler = directory / "filler"

    def fill(self) -> None:
        """Leave no byte free, until :meth:`clear`."""
        there = os.statvfs(self.directory)
        assert there.f_frsize * there.f_blocks <= LARGEST, "not the small disk that was mounted"
        file = os.open(self._filler, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            for size in (65_536, 4_096, 1):
                try:
                    while True:
                        os.write(file, b"x" * size)
                except OSError as fault:
                    if fault.errno != errno.ENOSPC:
                        raise
        finally:
            os.close(file)

    def clear(self) -> None:
        """Have room again."""
        self._filler.unlink()


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[SmallDisk]:
    """Mount one, for as long as the context lasts."""
    directory.mkdir(parents=True, exist_ok=True)
    options = f"size={size},mode=0777"
    _run(["mount", "-t", "tmpfs", "-o", options, "swift-test", str(directory)])
    try:
        yield SmallDisk(directory)
    finally:
        _run(["umount", "-l", str(directory)])


def _run(argv: list[str]) -> None:
    subprocess.run(as_root(argv), check=True, capture_output=True)
