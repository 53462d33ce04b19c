"""A fleet of machines on a devstack of its own, and the playbooks run on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from devstack.files import write_atomically
from devstack.machine.engine import open_engine
from devstack.manifest import IMAGE_VARIABLE, NODEJS_IMAGE, PYTHON_IMAGE
from devstack.paths import REPOSITORY, Paths
from devstack.stack import Stack
from tests.e2e.ansible.inventory import group_variables

ANSIBLE = REPOSITORY / "ansible"
_RECAP = re.compile(
    r"^(?P<host>\S+)\s+: ok=\d+\s+changed=(?P<changed>\d+)\s+unreachable=(?P<lost>\d+)"
    r"\s+failed=(?P<failed>\d+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Run:
    """One run of a playbook: its exit code, output, and what it changed on each host."""

    code: int
    output: str
    changed: Mapping[str, int]

    def changes(self) -> list[str]:
        """The tasks that changed something, for a test's message."""
        task, found = "", []
        for line in self.output.splitlines():
            if line.startswith(("TASK ", "RUNNING HANDLER ")):
                task = line
            elif line.startswith("changed:"):
                found.append(f"{task.strip(' *')}: {line}")
        return found


class Machine(Protocol):
    """What ansible deploys to."""

    @property
    def name(self) -> str: ...

    @property
    def variables(self) -> Mapping[str, Any]: ...

    def run(self, *argv: str, check: bool = True) -> str: ...


MachineT = TypeVar("MachineT", bound=Machine)


@dataclass
class Fleet(Generic[MachineT]):
    """``machines`` are OpenWhisk's invokers in this order, all of them in ``swift_invokers``."""

    stack: Stack
    machines: Sequence[MachineT]
    engine_paths: Paths
    variables: dict[str, Any] = field(default_factory=dict)
    bare: bool = False
    """They lack the Debian packages that our roles install."""

    def play(self, playbook: str, *options: str, **variables: Any) -> Run:
        """Run a playbook with ``variables`` on top of the inventory's."""
        done = subprocess.run(
            self._argv(playbook, options, variables),
            cwd=ANSIBLE,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return self._run(done.returncode, done.stdout + done.stderr)

    def begin(self, playbook: str, output: Path, **variables: Any) -> subprocess.Popen[bytes]:
        """Start a playbook; its output goes to a file."""
        with output.open("wb") as file:
            return subprocess.Popen(
                self._argv(playbook, (), variables), cwd=ANSIBLE, stdout=file, stderr=file
            )

    def states(self) -> dict[str, str]:
        """How the controller calls each invoker."""
        return {name.partition("/")[0]: state for name, state in self.stack.api.invokers().items()}

    def _argv(
        self, playbook: str, options: Sequence[str], variables: Mapping[str, Any]
    ) -> list[str]:
        inventory = self.stack.paths.run / "inventory.json"
        write_atomically(inventory, json.dumps(self._inventory(), indent=1))
        extra = ["-e", json.dumps(variables)] if variables else []
        program = str(REPOSITORY / ".venv/bin/ansible-playbook")
        return [program, "-i", str(inventory), *options, *extra, playbook]

    def _inventory(self) -> dict[str, Any]:
        common = {
            **group_variables(self.stack),
            **({} if self.bare else {"rdma_host_packages": [], "swift_invoker_packages": []}),
            # This host may be slow, and busy with much else.
            "swift_invoker_start_s": 400,
            "swift_invoker_healthy_s": 400,
            "runtime_image_build_docker_host": open_engine(self.engine_paths).docker_host_url,
            "runtime_image_variants": [os.environ.get(IMAGE_VARIABLE) or "debian"],
            "runtime_image_further": [NODEJS_IMAGE, PYTHON_IMAGE],
            "swift_verify_api": self.stack.api.url,
            "swift_verify_auth": self.stack.api.authorization,
            **self.variables,
        }
        hosts = {machine.name: machine.variables for machine in self.machines}
        groups = {
            "invokers": {"hosts": hosts},
            "swift_invokers": {"hosts": {name: {} for name in hosts}},
        }
        return {"all": {"vars": common, "children": groups}}

    def _run(self, code: int, output: str) -> Run:
        changed = {found["host"]: int(found["changed"]) for found in _RECAP.finditer(output)}
        return Run(code, output, changed)
