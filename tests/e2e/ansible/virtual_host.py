"""The RDMA machine with systemd, as a host that ansible deploys to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from devstack.machine.virtual import VirtualMachine
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
        """How ansible reaches it, and what makes it an RDMA host."""
        return {**virtual_variables(self.machine), "rdma_host_soft_roce": True}
