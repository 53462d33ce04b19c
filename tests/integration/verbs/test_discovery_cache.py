"""The discovery cache that ``swift-invoker`` writes, against libibverbs' own tool and programs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.machine import RdmaMachine
from devstack.stack import Stack
from runtime_image.build import PATCHED
from tests.integration.patched import container, have, shell, uverbs

pytestmark = [pytest.mark.rdma, pytest.mark.docker]

WORK = "/run/verbs-test"
_ADD = """
set -eu
ip link show dummy1 >/dev/null 2>&1 || ip link add dummy1 type dummy
ip addr replace 10.0.78.1/24 dev dummy1
ip link set dummy1 up
rdma link show rxe1/1 >/dev/null 2>&1 || rdma link add rxe1 type rxe netdev dummy1
"""
_REMOVE = """
if rdma link show rxe1/1 >/dev/null 2>&1; then rdma link delete rxe1; fi
if ip link show dummy1 >/dev/null 2>&1; then ip link delete dummy1; fi
"""


@pytest.fixture(scope="module")
def machine(devstack: Stack, docker_host: str) -> Iterator[RdmaMachine]:
    """The machine with the patched image and two devices."""
    machine = have(devstack, docker_host, PATCHED)
    shell(machine, f"mkdir -p {WORK} /run/swift-verbs; {_ADD}")
    yield machine
    shell(machine, f"rm -rf {WORK}; {_REMOVE}")


@pytest.fixture(autouse=True)
def two_devices(machine: RdmaMachine) -> None:
    shell(machine, _ADD)


def cache(machine: RdmaMachine, arguments: str, *, check: bool = True) -> str:
    return shell(
        machine, f"{machine.python} -m invoker_plugin.cli.main cache {arguments}", check=check
    )


def both(machine: RdmaMachine) -> list[str]:
    return [uverbs(machine, "rxe0"), uverbs(machine, "rxe1")]


def test_it_is_the_file_that_libibverbs_tool_writes(machine: RdmaMachine) -> None:
    cache(machine, f"build {WORK}/ours")
    tool = container(
        PATCHED.tag, both(machine), "ibv_swift_cache build /out/theirs", f"--volume={WORK}:/out"
    )
    shell(machine, tool)
    # but for where each file is and the checksum over that
    assert differing(machine) <= {*range(65, 81), *range(89, 97)}
    assert shell(machine, f"stat -c %s:%u:%a {WORK}/ours") == f"{96 + 2 * 184}:0:644\n"
    assert cache(machine, f"check {WORK}/theirs") == cache(machine, f"show {WORK}/ours")
    # Docker mounts sysfs read-only: the tool can't have the class directory's time kept itself
    shell(machine, f"chmod -t /sys/class/infiniband_verbs; {tool}")
    assert differing(machine) <= set(range(65, 97))
    assert shell(machine, f"od -An -tu8 -j80 -N8 {WORK}/theirs").strip() == "0"
    assert cache(machine, f"check {WORK}/theirs") == cache(machine, f"show {WORK}/ours")


def differing(machine: RdmaMachine) -> set[int]:
    """At which bytes the two files do, from 1 on."""
    said = shell(machine, f"cmp -l {WORK}/ours {WORK}/theirs | awk '{{print $1}}'", check=False)
    return {int(number) for number in said.split()}


def test_a_container_takes_its_devices_from_it(machine: RdmaMachine) -> None:
    """All that it has of the two; and it loads no netlink library, which the stock way needs."""
    cache(machine, "build")
    check = "ibv_swift_cache check"
    one = [uverbs(machine, "rxe1")]
    assert shell(machine, container(PATCHED.tag, one, check)) == "rxe1\n"

    def listing(*options: str) -> tuple[list[str], bool]:
        debug = ["--env=LD_DEBUG=files", *options]
        said = shell(machine, container(PATCHED.tag, both(machine), "ibv_devices", *debug))
        names = [line.split()[0] for line in said.splitlines() if line.strip().startswith("rxe")]
        return names, "calling init: " in said and "/libnl-3" in said

    (names, netlink), (stock_names, stock_netlink) = listing(), listing("--env=RDMAV_SWIFT=-cache")
    assert sorted(names) == ["rxe0", "rxe1"]
    assert names == stock_names, "in the same order"
    assert (netlink, stock_netlink) == (False, True)
