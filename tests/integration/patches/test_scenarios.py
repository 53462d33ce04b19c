"""What a discovery cache must survive: ``patches/rdma-core/tests/scenarios.sh``.

It adds, renames and removes devices and changes the namespaces' mode, so it gets no machine that
others use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from devstack.machine.virtual import VirtualMachine
from devstack.paths import REPOSITORY
from devstack.stack import Stack
from tests.e2e.private_machine import private_machine

sys.path.insert(0, str(REPOSITORY / "benchmarks" / "verbs"))
from roots import Roots  # a script's neighbour, not a package

pytestmark = pytest.mark.rdma

SCENARIOS = REPOSITORY / "patches" / "rdma-core" / "tests" / "scenarios.sh"
REMOTE = "/run/scenarios.sh"


@pytest.fixture
def own_machine(
    devstack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VirtualMachine]:
    machine = private_machine(devstack, tmp_path_factory.mktemp("scenarios") / "home")
    machine.up()
    yield machine
    machine.down()


def test_every_scenario_ends_as_it_should(own_machine: VirtualMachine) -> None:
    with Roots(own_machine, ("swift",), ["./usr/share", "./usr/lib/python3*"]):
        own_machine.push(SCENARIOS, REMOTE)
        argv = ["bash", REMOTE, Roots.path("swift")]
        done = own_machine.run(argv, check=False, timeout_s=900)
    others = [line for line in done.stdout.splitlines() if not line.startswith("ok ")]
    assert others == ["failures 0"], done.stdout[-2000:]
    assert done.returncode == 0
