"""All parts of the devstack together: up, down, status, environment."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TextIO

from devstack import process
from devstack.api import Api
from devstack.errors import DevstackError
from devstack.kafka import Kafka
from devstack.machine import RdmaMachine, open_machine
from devstack.machine.privilege import as_root
from devstack.machine_parts import (
    engine_part,
    image_part,
    invoker_part,
    machine_part,
    memory_part,
)
from devstack.packages import ensure_programs
from devstack.parts import PROGRAMS, Part, choose
from devstack.paths import Paths
from devstack.service_parts import controller_part, kafka_part, store_part
from devstack.steps import Step, run_steps
from devstack.store import Store
from devstack.worker import Invoker, MemoryServer

_MOUNTS = Path("/proc/self/mounts")


class Stack:
    """The devstack of one home directory."""

    def __init__(self, paths: Paths | None = None) -> None:
        self.paths = paths or Paths.find()
        self.kafka = Kafka(self.paths)
        self.store = Store(self.paths)
        self.api = Api(self.paths, self.kafka, self.store)

    @cached_property
    def machine(self) -> RdmaMachine:
        """The RDMA machine. Which kind it is may take a trial, so it is opened when needed."""
        return open_machine(self.paths)

    @property
    def memory(self) -> MemoryServer:
        """The memory server in the machine."""
        return MemoryServer(self.paths, self.machine)

    @property
    def invoker(self) -> Invoker:
        """The invoker in the machine."""
        return Invoker(self.paths, self.machine, self.kafka, self.store, self.api)

    def parts(self) -> list[Part]:
        """Every part, in the order of what needs what."""
        return [
            kafka_part(self.kafka),
            store_part(self.store),
            controller_part(self.paths, self.api),
            engine_part(self.paths),
            image_part(self.paths),
            machine_part(self.paths, self.machine),
            memory_part(self.paths, self.memory),
            invoker_part(self.paths, self.invoker),
        ]

    def up(self, only: Sequence[str] = (), stream: TextIO | None = None) -> float:
        """Bring ``only`` (all, if empty) and what they require up; returns the seconds taken."""
        chosen = choose(self.parts(), only)
        needed = list(dict.fromkeys(program for part in chosen for program in part.programs()))
        first = Step(PROGRAMS, lambda: ensure_programs(self.paths, needed))
        steps = [step for part in chosen for step in part.steps]
        return run_steps([first, *steps], stream)

    def down(self) -> list[str]:
        """Stop all parts, last first, then whatever else carries this home's mark."""
        stopped = [part.name for part in reversed(self.parts()) if part.stop()]
        stray = process.end_stray(self.paths)
        self._check_mounts()
        return stopped + [f"stray process {pid}" for pid in stray]

    def _check_mounts(self) -> None:
        mounts = [line.split()[1] for line in _MOUNTS.read_text().splitlines()]
        left = [mount for mount in mounts if mount.startswith(f"{self.paths.home}/")]
        if left:
            raise DevstackError(f"still mounted: {', '.join(left)}; unmount by `umount -l`")

    def clean(self) -> None:
        """Remove what was built and kept; the stack must be down."""
        # Docker Engine's data belongs to root, whoever runs the devstack.
        argv = as_root(["rm", "-rf", "--one-file-system", "--", str(self.paths.home)])
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DevstackError(f"cannot remove {self.paths.home}: {done.stderr.strip()}")

    def environment(self) -> dict[str, str]:
        """What a shell needs to use the parts by hand."""
        found: dict[str, str] = {}
        for part in self.parts():
            found.update(part.environment())
        return found
