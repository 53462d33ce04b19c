"""What many forks, kills and cold starts leave behind, and a device that goes and comes back.

The patched image, on the best rung. ``SWIFT_SOAK_COLD`` says how many whole containers are started.
"""

from __future__ import annotations

import json
import os
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from devstack.machine import RdmaMachine
from devstack.paths import REPOSITORY
from devstack.stack import Stack
from devstack.worker import rdma_device
from runtime_image.build import PATCHED
from tests.integration.patched import have

pytestmark = pytest.mark.rdma

HERE = Path(__file__).parent
REMOTE = "/tmp/swift-rdma-soak"
SCRIPTS = ("rdma_life.py", "rdma_sharing.py", "rdma_soak.py", "rdma_hotplug.py")
COLD = int(os.environ.get("SWIFT_SOAK_COLD", "3"))
FORKS, KILLS = 200, 10
MOST_GROWTH_KB = 1024
"""Of a process over two hundred forks: 5 KiB for each would be a leak of a worker's bookkeeping."""


@pytest.fixture(scope="module")
def machine(devstack: Stack, docker_host: str) -> RdmaMachine:
    machine = have(devstack, docker_host, PATCHED)
    machine.run(["mkdir", "-p", REMOTE])
    machine.push(REPOSITORY / "runtime_image" / "swift_rdma", f"{REMOTE}/swift_rdma")
    for name in SCRIPTS:
        machine.push(HERE / name, f"{REMOTE}/{name}")
    return machine


def run(machine: RdmaMachine, script: str, *arguments: str, timeout_s: float) -> Any:
    command = ["env", f"PYTHONPATH={REMOTE}", "/usr/bin/python3", f"{REMOTE}/{script}"]
    return json.loads(machine.run([*command, *arguments], timeout_s=timeout_s).stdout)


@pytest.fixture(scope="module")
def soak(machine: RdmaMachine) -> Any:
    """What happened on the machine (see rdma_soak.py)."""
    counts = [str(FORKS), str(KILLS), str(COLD)]
    address, device = machine.rdma_address, rdma_device(machine)
    timeout_s = 900 + 60 * COLD
    return run(machine, "rdma_soak.py", address, PATCHED.tag, device, *counts, timeout_s=timeout_s)


def test_two_hundred_forks_leave_nothing_behind(soak: Any) -> None:
    forks = soak["forks"]
    assert (forks["count"], forks["bad"], forks["clean"]) == (FORKS, 0, True)
    # a slot may be taken again before it was connected again
    assert set(forks["rungs"]) <= {"connected", "shared"}
    before, after = forks["before"], forks["after"]
    for name in ("template_fd", "proxy_fd", "rdma", "processes"):
        assert after[name] == before[name], name
    assert before["rdma"]["qp"] > 0
    for role in ("template", "proxy"):
        assert after[f"{role}_kb"] - before[f"{role}_kb"] < MOST_GROWTH_KB, (before, after)


def test_a_worker_may_be_killed_at_any_moment(soak: Any) -> None:
    kills = soak["kills"]
    assert [victim.get("reason") for victim in kills["victims"]] == ["killed"] * KILLS
    assert kills["siblings_wrong"] == []
    assert kills["next_wrong"] == []
    assert kills["after"] == kills["before"]


def test_cold_containers_leave_nothing_behind(soak: Any) -> None:
    cold = soak["cold"]
    assert (cold["count"], cold["rungs"]) == (COLD, ["connected"])
    before, after = cold["before"], cold["after"]
    # The whole machine's: an invoker on it may remove an idle container of its own meanwhile.
    assert after["runtimes"] <= before["runtimes"]
    assert len(after["objects"]) == len(before["objects"])
    for now, was in zip(after["objects"], before["objects"], strict=True):
        assert all(now[kind] <= was[kind] for kind in was), (was, now)


def test_other_libraries_are_told_the_chosen_gid(soak: Any, machine: RdmaMachine) -> None:
    device = rdma_device(machine)
    index = soak["environment"]["UCX_IB_GID_INDEX"]
    assert soak["environment"] == {
        "UCX_NET_DEVICES": f"{device}:1",
        "UCX_IB_GID_INDEX": index,
        "NCCL_IB_HCA": f"={device}:1",
        "NCCL_IB_GID_INDEX": index,
    }
    gid = machine.run(["cat", f"/sys/class/infiniband/{device}/ports/1/gids/{index}"]).stdout
    assert str(IPv6Address(gid.strip()).ipv4_mapped) == machine.rdma_address


def test_a_device_that_goes_and_comes_back(machine: RdmaMachine) -> None:
    if machine.kind == "host":
        pytest.fail("wants a machine on which soft-RoCE devices may be made and removed")
    found = run(machine, "rdma_hotplug.py", PATCHED.tag, timeout_s=600)
    assert found["init"]["rdma"] == "connected"
    assert found["before"]["status"] == 200
    for ran in found["away"]:
        assert ran["status"] == 502
        assert "RDMA device rxe7 is not here" in ran["body"]["error"]
    assert found["again"][-1]["status"] == 200
    assert [ran["status"] for ran in found["after"]] == [200, 200, 200]
    assert found["after"][-1]["swift"]["rdma"] in ("connected", "shared")
    assert found["state"]["state"] == "ready"
