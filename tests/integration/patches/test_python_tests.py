"""rdma-core's own Python tests on soft-RoCE: the patched build does what the stock build does.

The list is kept in ``patches/rdma-core/tests/expected/soft-roce.txt``. On an emulated machine all
modules take from one minute to a quarter of an hour for each build, depending on what else its host
does; ``VERBS_TEST_MODULES`` chooses others.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from devstack.machine import RdmaMachine

REPOSITORY = Path(__file__).resolve().parents[3]
TESTS = REPOSITORY / "patches" / "rdma-core" / "tests"
REMOTE_SCRIPT = "/run/python_tests.sh"
_USUAL = "addr cq cqex device fork mr parent_domain pd qp shared_pd srq"
MODULES = os.environ.get("VERBS_TEST_MODULES", _USUAL).split()
DEVICE, GID_INDEX = "rxe0", "1"

sys.path.insert(0, str(REPOSITORY / "benchmarks" / "verbs"))
from roots import Roots  # noqa: E402  # a script's neighbour, not a package

pytestmark = pytest.mark.rdma


def expected() -> list[str]:
    lines = (TESTS / "expected" / "soft-roce.txt").read_text().splitlines()
    return [line for line in lines if line.split(".")[1] in {f"test_{name}" for name in MODULES}]


@pytest.mark.parametrize(
    ("root", "environment"),
    [
        ("stock", []),
        ("swift", ["RDMAV_SWIFT=0"]),
        ("swift", []),
        ("swift", ["RDMAV_SWIFT_FORK=1", "RDMAV_SWIFT_REUSE=64"]),
    ],
    ids=["stock", "off", "on", "fork-and-reuse"],
)
def test_the_same_tests_pass(machine: RdmaMachine, root: str, environment: list[str]) -> None:
    machine.push(TESTS / "python_tests.sh", REMOTE_SCRIPT)
    arguments = [Roots.path(root), DEVICE, GID_INDEX, *MODULES]
    done = machine.run(["env", *environment, "bash", REMOTE_SCRIPT, *arguments])
    assert done.stdout.splitlines() == expected()
