"""What a dockerd that was killed leaves on the host: processes, mounts and cgroups."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from devstack import commands
from devstack.machine.privilege import as_root
from devstack.process import end

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def end_processes(execution: Path, cgroup: str) -> None:
    """End containerd and its shims, known by the directory of their sockets, then what still runs
    in the containers: it would outlive both."""
    sign = f"{execution}/".encode()
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and sign in _command_line(entry):
            end(int(entry.name), patience_s=3.0)
    for directory in _cgroup_directories(cgroup):
        for pid in (directory / "cgroup.procs").read_text().split():
            _kill(int(pid))


def release_mounts(directories: Sequence[Path], log: Path) -> None:
    """Unmount everything at and below ``directories``."""
    ours = tuple(f"{directory}/" for directory in directories)
    mounts = [line.split()[1] for line in (_PROC / "self/mounts").read_text().splitlines()]
    for mount in reversed([mount for mount in mounts if f"{mount}/".startswith(ours)]):
        commands.run(as_root(["umount", "-l", mount]), log, what=f"releasing {mount}")


def remove_cgroups(cgroup: str) -> None:
    """Remove the cgroup: one directory on version 2, one for each controller on version 1."""
    for directory in _cgroup_directories(cgroup):
        directory.rmdir()


def _cgroup_directories(cgroup: str) -> Iterator[Path]:
    """The cgroup's directories, the deepest first."""
    for place in [_CGROUPS, *(entry for entry in _CGROUPS.iterdir() if entry.is_dir())]:
        for name, _, _ in os.walk(place / cgroup, topdown=False):
            yield Path(name)


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""  # it ended since the directory was listed


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it went by itself
