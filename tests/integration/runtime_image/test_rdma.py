"""Forked workers over RDMA: the runtime image with a device, against the real memory server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from devstack.errors import DevstackError
from devstack.lock import exclusive
from devstack.paths import REPOSITORY
from devstack.stack import Stack
from devstack.worker import rdma_device
from runtime_image import build
from swift_rdma import phases

pytestmark = pytest.mark.rdma

SCRIPT = Path(__file__).with_name("rdma_life.py")
REMOTE = "/tmp/swift-rdma-test"


@pytest.fixture(scope="module")
def life(devstack: Stack) -> Any:
    """What happened on the machine (see rdma_life.py)."""
    try:
        with exclusive(devstack.paths):
            devstack.up(["machine"])
    except DevstackError as error:
        pytest.fail(f"the RDMA machine cannot be had: {error}", pytrace=False)
    machine = devstack.machine
    machine.run(["mkdir", "-p", REMOTE])
    machine.push(REPOSITORY / "runtime_image" / "swift_rdma", f"{REMOTE}/swift_rdma")
    machine.push(SCRIPT, f"{REMOTE}/{SCRIPT.name}")
    arguments = [machine.rdma_address, build.RUNTIME.tag, rdma_device(machine)]
    command = ["env", f"PYTHONPATH={REMOTE}", "/usr/bin/python3", f"{REMOTE}/{SCRIPT.name}"]
    return json.loads(machine.run([*command, *arguments], timeout_s=300).stdout)


def _right(life: Any, run: Any, number: int) -> bool:
    """Whether what was read back, and what the peer has, is what activation ``number`` wrote."""
    body = run["body"]
    return run["status"] == 200 and body["back"] == body["remote"] == life["wanted"][str(number)]


def test_the_template_is_forkable_with_pyverbs_loaded(life: Any) -> None:
    swift = life["init"]["body"]["swift"]
    assert (swift["forkable"], swift["rdma"]) == (True, "stock")


def test_forks_and_warm_workers_write_and_read_back(life: Any) -> None:
    assert all(_right(life, run, number) for number, run in enumerate(life["forks"]))
    assert all(_right(life, run, number) for number, run in enumerate(life["warm"], 3))


def test_each_phase_is_in_the_header(life: Any) -> None:
    fork, warm = life["forks"][0]["swift"], life["warm"][0]["swift"]
    assert list(fork["phases"]) == list(phases.NAMES[1:]), "a fork imports nothing"
    assert fork["rdma_ms"] == pytest.approx(sum(fork["phases"].values()), abs=0.01)
    assert fork["rdma_ms"] <= fork["run_ms"]
    assert not {"open", "protection_domain"} & set(warm["phases"]), "the device stays open"
    assert fork["rdma"] == warm["rdma"] == "stock"


def test_a_burst_of_sixteen_forks_is_right(life: Any) -> None:
    assert len(life["burst"]) == 16
    assert all(_right(life, run, number) for number, run in enumerate(life["burst"], 10))
    assert len({run["swift"]["slot"] for run in life["burst"]}) == 16


def test_no_provider_chatters_into_the_logs(life: Any) -> None:
    assert life["forks"][0]["swift"]["log_lines"] == 0


def test_what_a_killed_worker_had_is_freed(life: Any) -> None:
    assert life["died"]["swift"]["exit"] == {"reason": "signal", "code": None, "signal": 9}
    assert life["serving"]["mr"] > 0
    assert life["freed"] is True
    assert life["freed_after_burst"] is True


def test_the_memory_server_ends_clean(life: Any) -> None:
    assert life["server_exit"] == 0
