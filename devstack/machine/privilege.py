"""Commands that need root, and commands whose mounts must vanish with them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from devstack import commands
from devstack.errors import DevstackError


def as_root(argv: Sequence[str]) -> list[str]:
    """``argv`` as root: itself when we are root, else by sudo without a password prompt."""
    if os.geteuid() == 0:
        return list(argv)
    if commands.output_of(["sudo", "-n", "true"]) is None:
        raise DevstackError(
            f"{argv[0]} needs root: run this as root, or let sudo work without a password"
        )
    return ["sudo", "-n", *argv]


def isolated(argv: Sequence[str], *, network: bool = True) -> list[str]:
    """``argv`` as root in mount and process namespaces of its own.

    However it ends, also by SIGKILL, the kernel then releases its mounts, loop devices and
    processes: an interrupted build leaves nothing but files. ``network=False`` gives it an empty
    network namespace too, so that a second dockerd cannot touch the first one's bridge and rules.
    """
    namespaces = ["--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc"]
    if not network:
        namespaces.append("--net")
    return as_root(["unshare", *namespaces, "--kill-child", *argv])


def owner() -> str:
    """``uid:gid`` of who runs the devstack, to give files made by root to."""
    return f"{os.getuid()}:{os.getgid()}"
