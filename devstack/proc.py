"""Facts about running processes, read from ``/proc``."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def boot_id() -> str:
    """This boot of the machine; start times of processes only compare within one."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int | None:
    """When ``pid`` started, in clock ticks since boot; None when it has ended."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name may itself hold spaces and brackets: fields start after the last one.
    fields = stat.rpartition(")")[2].split()
    ended = fields[0] in "ZX" and not _other_threads(pid)
    return None if ended else int(fields[19])


def with_environment(variable: str, value: str) -> list[int]:
    """Every process that was started with ``variable=value`` in its environment, but this one."""
    wanted = f"{variable}={value}".encode()
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue  # another user's, or gone since the directory was listed
        if wanted in environment.split(b"\0"):
            found.append(int(entry.name))
    return found


def _other_threads(pid: int) -> bool:
    """Whether a process whose first thread ended has others, which still hold its ports."""
    try:
        return len(list((_PROC / str(pid) / "task").iterdir())) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False
