"""What workers find ready: the runtime image on the RDMA machine, whatever rung it reaches there.

``SWIFT_IMAGE=patched`` has it reach the best; Debian's own libraries stop at ``stock``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from devstack.errors import DevstackError
from devstack.lock import exclusive
from devstack.manifest import RDMA_IMAGES, rdma_image
from devstack.paths import REPOSITORY
from devstack.stack import Stack
from devstack.worker import rdma_device

pytestmark = pytest.mark.rdma

HERE = Path(__file__).parent
REMOTE = "/tmp/swift-rdma-sharing"
IMAGE = rdma_image(os.environ)
PATCHED = rdma_image(os.environ) == RDMA_IMAGES["patched"]


@pytest.fixture(scope="module")
def found(devstack: Stack) -> Any:
    """What happened on the machine (see rdma_sharing.py)."""
    try:
        with exclusive(devstack.paths):
            devstack.up(["machine"])
    except DevstackError as error:
        pytest.fail(f"the RDMA machine cannot be had: {error}", pytrace=False)
    machine = devstack.machine
    machine.run(["mkdir", "-p", REMOTE])
    machine.push(REPOSITORY / "runtime_image" / "swift_rdma", f"{REMOTE}/swift_rdma")
    for name in ("rdma_life.py", "rdma_sharing.py"):
        machine.push(HERE / name, f"{REMOTE}/{name}")
    arguments = [machine.rdma_address, IMAGE, rdma_device(machine)]
    command = ["env", f"PYTHONPATH={REMOTE}", "/usr/bin/python3", f"{REMOTE}/rdma_sharing.py"]
    return json.loads(machine.run([*command, *arguments], timeout_s=300).stdout)


def test_the_rung_is_found_by_trying_and_told(found: Any) -> None:
    init = found["init"]
    if PATCHED:
        assert (init["rdma"], init["rdma_reason"]) == ("connected", None)
    else:
        assert init["rdma"] == "stock"
        assert "in a forked child" in init["rdma_reason"]


def test_every_activation_reads_what_it_wrote(found: Any) -> None:
    runs = [found[name] for name in ("first", "again", "second", "undeclared")]
    assert all(run["right"] for run in [*runs, *found["after_death"], *found["burst"]])
    assert found["warm"]["body"]["back"] == "warm"


def test_a_fork_starts_with_what_its_rung_promises(found: Any) -> None:
    first = found["first"]["swift"]
    if PATCHED:
        assert first["rdma"] == "connected"
        assert list(first["phases"]) == ["first_completion"]
        assert found["undeclared"]["swift"]["rdma"] == "shared"
        shared = {"exchange", "connect", "first_completion"}
        assert set(found["undeclared"]["swift"]["phases"]) == shared
    else:
        assert (first["rdma"], "open" in first["phases"]) == ("stock", True)


def test_two_workers_never_share_a_queue_pair(found: Any) -> None:
    numbers = [run["body"]["qp"] for run in found["burst"]]
    assert len(set(numbers)) == len(numbers)


def test_a_slots_memory_is_zero_for_its_next_owner(found: Any) -> None:
    """All of these wrote to their buffer, or died with requests outstanding."""
    runs = [found["first"], found["again"], *found["after_death"], *found["burst"]]
    assert {run["body"]["seen"] for run in runs} == {"00" * 64}


def test_a_killed_worker_leaves_a_slot_that_works(found: Any) -> None:
    assert found["died"]["swift"]["exit"] == {"reason": "signal", "code": None, "signal": 9}
    assert found["after_death"][0]["swift"]["slot"] == found["died"]["swift"]["slot"]


def test_ends_of_all_kinds_leak_nothing(found: Any) -> None:
    leaks = found["leaks"]
    assert leaks["after"] == leaks["before"]
    assert leaks["after_own"] == leaks["before"]
