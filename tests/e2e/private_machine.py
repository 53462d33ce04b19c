"""A virtual machine of its own, so that the devstack's machine is left alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from devstack.machine.machine import machine_programs
from devstack.machine.virtual import VirtualMachine
from devstack.packages import ensure_programs
from devstack.paths import Paths
from devstack.stack import Stack


def private_machine(stack: Stack, home: Path, **options: Any) -> VirtualMachine:
    """One that is down, on any host; its disk is the devstack's, built where it was not yet."""
    ensure_programs(stack.paths, machine_programs("vm"))
    VirtualMachine(stack.paths, print).build()
    return VirtualMachine(private_home(stack.paths, home), print, **options)


def private_home(shared: Paths, home: Path) -> Paths:
    """A new home with what the devstack has built of a machine's disk, and its ssh key."""
    paths = Paths(home)
    paths.create()
    (paths.cache / "machine").mkdir()
    (paths.data / "machine").mkdir(mode=0o700)
    for built in (shared.cache / "machine").glob("*"):
        if built.name.startswith(("root-", "base-", "accelerator-")):
            (paths.cache / "machine" / built.name).symlink_to(built)
    for key in (shared.data / "machine").glob("ssh_key*"):
        shutil.copy(key, paths.data / "machine" / key.name)
    return paths
