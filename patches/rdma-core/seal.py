"""The seal on the ``.driver`` files: one time of modification that no other file has.

libibverbs (patch 0003) takes a directory with it for what was installed, and does not read it. A
file that is added later, or written to, does not have it.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

SECONDS = 1735787045
DIRECTORY = "etc/libibverbs.d"
_BLOCK = 512
# Where a tar's header has its time of modification and its checksum (POSIX ustar)
_TIME = slice(136, 148)
_CHECKSUM = slice(148, 156)


def seal(archive: Path) -> None:
    """Give ``DIRECTORY`` and what is in it, in an uncompressed tar, the time ``SECONDS``."""
    with tarfile.open(archive, "r:") as tar:
        offsets = [member.offset for member in tar if _is_sealed(member.name)]
    with archive.open("r+b") as file:
        for offset in offsets:
            file.seek(offset)
            header = bytearray(file.read(_BLOCK))
            header[_TIME] = b"%011o\0" % SECONDS
            # the checksum is taken with spaces in its own place
            header[_CHECKSUM] = b" " * 8
            header[_CHECKSUM] = b"%06o\0 " % sum(header)
            file.seek(offset)
            file.write(header)


def _is_sealed(name: str) -> bool:
    path = name.removeprefix("./")
    return path == DIRECTORY or path.startswith(f"{DIRECTORY}/")
