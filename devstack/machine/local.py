"""The RDMA machine when it is this host: a device of its own, or a soft-RoCE one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from devstack.errors import DevstackError
from devstack.machine import soft_rdma
from devstack.machine.choice import ipv4_of, rdma_devices
from devstack.machine.engine import open_engine
from devstack.paths import Paths


@dataclass
class LocalMachine:
    """See :class:`devstack.machine.machine.RdmaMachine` for what each member is."""

    paths: Paths
    kind: Literal["host", "rxe"]

    host_address = "127.0.0.1"
    python = sys.executable

    @property
    def docker_host_url(self) -> str:
        return open_engine(self.paths).docker_host_url

    @property
    def rdma_address(self) -> str:
        if self.kind == "rxe":
            return soft_rdma.ADDRESS
        for device in rdma_devices():
            address = ipv4_of(device)
            if address is not None:
                return address
        raise DevstackError(
            "no RDMA device of this host has a GID with an IPv4 address: give its network "
            "device one, or set SWIFT_MACHINE=vm"
        )

    def up(self) -> str:
        if self.kind == "rxe":
            soft_rdma.SoftRdma(self.paths).add()
        engine = open_engine(self.paths).up()
        return f"this host ({self.kind}), Docker Engine: {engine}"

    def build(self) -> str:
        return "nothing to make: it is this host"

    def down(self) -> bool:
        """Undo what ``up`` did to the host; the engine has its own ``down``."""
        return soft_rdma.SoftRdma(self.paths).remove()

    def status(self) -> str:
        devices = rdma_devices()
        return f"up, this host, {', '.join(devices)}" if devices else "down"

    def run(
        self, argv: Sequence[str], check: bool = True, timeout_s: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            list(argv), capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if check and done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise DevstackError(f"{argv[0]} failed ({done.returncode}): {said}")
        return done

    def command(self, argv: Sequence[str] = (), *, terminal: bool = False) -> list[str]:
        return list(argv) or ["bash"]

    def push(self, local: Path, remote: str) -> None:
        Path(remote).parent.mkdir(parents=True, exist_ok=True)
        if local.is_dir():
            shutil.copytree(local, remote, dirs_exist_ok=True)
        else:
            shutil.copy(local, remote)

    def pull(self, remote: str, local: Path) -> None:
        local.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(remote, local)

    def load_image(self, tag: str) -> None:
        """Nothing to do: the host's engine, where images are built, is the machine's."""

    def forward(self, port: int) -> int:
        return port
