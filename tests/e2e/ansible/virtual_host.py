"""The RDMA machine with systemd, as a host that ansible deploys to."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.machine import qemu
from devstack.machine.virtual import VirtualMachine
from devstack.paths import Paths
from devstack.stack import Stack
from tests.e2e.ansible.inventory import virtual_variables


@dataclass
class VirtualHost:
    """A virtual machine, by its name in the inventory. It starts without any RDMA device."""

    machine: VirtualMachine
    name: str

    def up(self) -> None:
        """Boot it."""
        self.machine.up()
        self.run("rdma", "link", "delete", "rxe0")

    def down(self) -> None:
        """End it; nothing of it stays."""
        self.machine.down()

    def run(self, *argv: str, check: bool = True) -> str:
        """Run a command on it; what it printed."""
        return self.machine.run(argv, check=check).stdout.strip()

    @property
    def variables(self) -> dict[str, Any]:
        """How ansible reaches it, and what it gets that other hosts of a fleet do not."""
        return {
            **virtual_variables(self.machine),
            "rdma_host_required": True,
            "rdma_host_soft_roce": True,
            "rdma_host_modules": ["ib_uverbs", "rdma_ucm"],
            "swift_invoker_rdma_device": "{{ rdma_host_chosen | default('') }}",
        }


def virtual_host(stack: Stack, home: Path, name: str) -> VirtualHost:
    """One of a home of its own, on the disk that ``stack`` has built; it is down."""
    paths = Paths(home)
    paths.create()
    (paths.cache / "machine").mkdir()
    (paths.data / "machine").mkdir(mode=0o700)
    for built in (stack.paths.cache / "machine").iterdir():
        if built.name.startswith(("root-", "base-", "accelerator-")):
            (paths.cache / "machine" / built.name).symlink_to(built)
    for file in ("ssh_key", "ssh_key.pub"):
        shutil.copy(stack.paths.data / "machine" / file, paths.data / "machine" / file)
    return VirtualHost(VirtualMachine(paths, print, init=qemu.SYSTEMD_INIT), name)
