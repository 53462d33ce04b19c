"""What the rest of the devstack knows of the machine that RDMA functions run on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from devstack.machine import qemu
from devstack.machine.choice import HostFacts, Kind, choose_kind, rdma_devices
from devstack.machine.local import LocalMachine
from devstack.machine.programs import ENGINE, SOFT_RDMA, VIRTUAL_MACHINE
from devstack.machine.soft_rdma import DEVICE, SoftRdma
from devstack.machine.virtual import VirtualMachine
from devstack.packages import Program
from devstack.paths import Paths


class RdmaMachine(Protocol):
    """A worker node: an RDMA device, a Docker Engine, and a Python with the invoker."""

    @property
    def kind(self) -> Kind: ...

    @property
    def host_address(self) -> str:
        """The address by which the machine reaches services on this host's loopback."""

    @property
    def rdma_address(self) -> str:
        """The address by which containers on the machine reach an RDMA peer on the machine."""

    @property
    def docker_host_url(self) -> str:
        """The machine's Docker Engine, as seen on the machine."""

    @property
    def python(self) -> str:
        """The interpreter on the machine that finds ``invoker_plugin`` and ``swift_rdma``."""

    def up(self) -> str:
        """Have it up, with this checkout's code on it; returns a few words on how."""

    def build(self) -> str:
        """Have made what ``up`` needs, without starting anything."""

    def down(self) -> bool:
        """End it; says whether it was up. What was built stays."""

    def status(self) -> str: ...

    def run(
        self, argv: Sequence[str], check: bool = True, timeout_s: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root on the machine. ``check``: a failure raises DevstackError."""

    def command(self, argv: Sequence[str] = (), *, terminal: bool = False) -> list[str]:
        """The command line *of this host* that runs ``argv`` there: for long-running ones."""

    def push(self, local: Path, remote: str) -> None:
        """Copy a file, or a directory's content into the directory ``remote``."""

    def pull(self, remote: str, local: Path) -> None:
        """Copy a file of the machine here."""

    def load_image(self, tag: str) -> None:
        """Have an image of the host's engine on the machine's; cheap while that is down."""

    def forward(self, port: int) -> int:
        """A port on this host's loopback by which ``port`` of the machine is reached."""


def open_machine(
    paths: Paths, *, init: str = qemu.SMALL_INIT, say: Callable[[str], None] | None = None
) -> RdmaMachine:
    """The machine for this host; nothing is started. ``say`` gets lines for the user's eyes;
    ``init`` is a virtual machine's first program (``qemu.SYSTEMD_INIT`` for systemd)."""
    kind = machine_kind(paths)
    if kind == "vm":
        return VirtualMachine(paths, say or _say, init)
    return LocalMachine(paths, kind)


def machine_kind(paths: Paths) -> Kind:
    """Which kind this host needs; the first time it may try soft-RoCE out."""
    soft = SoftRdma(paths)
    devices = rdma_devices()
    return choose_kind(
        HostFacts(
            devices=devices,
            own_device=DEVICE if DEVICE in devices else None,
            soft_rdma_works=not devices and soft.works(),
        )
    )


def machine_programs(kind: Kind) -> tuple[Program, ...]:
    """What must be installed on this host for a machine of ``kind``."""
    if kind == "vm":
        return (*VIRTUAL_MACHINE, *ENGINE)
    return (*SOFT_RDMA, *ENGINE)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
