"""Debian's own RDMA programs, as they are, in a container of the patched image."""

from __future__ import annotations

import shlex

import pytest

from devstack.machine import RdmaMachine
from devstack.stack import Stack
from devstack.worker import rdma_device
from runtime_image.build import PATCHED
from tests.integration.patched import container, have, shell, uverbs

pytestmark = [pytest.mark.rdma, pytest.mark.docker]

PROGRAMS = "/run/verbs-programs"
MESSAGES = 50
# The programs, and of their libraries what no image has.
_TAKE = f"""
set -eu
rm -rf {PROGRAMS}; mkdir -p {PROGRAMS}
for program in rping ib_write_lat ib_send_bw; do
    cp "$(command -v $program)" {PROGRAMS}/
    ldd "$(command -v $program)" | sed -n 's/.* => \\([^ ]*\\) .*/\\1/p' |
        grep -v -e libibverbs -e librdmacm -e libmlx -e libefa -e 'lib[cm]\\.so' |
        xargs -r cp -L -t {PROGRAMS}
done
"""
# A server, then as soon as it listens a client that knows its address.
_BOTH = """
set -eu
cd {programs}
export LD_LIBRARY_PATH=.
{server} >/tmp/server 2>&1 &
tries=0
while ! {client} 2>/tmp/client; do
    tries=$((tries + 1))
    if [ $tries = 50 ] || ! kill -0 $!; then cat /tmp/server /tmp/client; exit 1; fi
    sleep 0.2
done
wait $!
echo both ended well
"""


@pytest.fixture(scope="module")
def machine(devstack: Stack, docker_host: str) -> RdmaMachine:
    machine = have(devstack, docker_host, PATCHED)
    shell(machine, f"mkdir -p /run/swift-verbs; {_TAKE}")
    return machine


def run(machine: RdmaMachine, script: str) -> str:
    """What a shell in a container of the image prints, with the RDMA device."""
    devices = [uverbs(machine, rdma_device(machine)), "rdma_cm"]
    mount = f"--volume={PROGRAMS}:{PROGRAMS}:ro"
    command = container(PATCHED.tag, devices, shlex.join(["sh", "-c", script]), mount)
    return shell(machine, command, timeout_s=300)


def test_they_load_the_patched_library(machine: RdmaMachine) -> None:
    said = run(machine, f"ldd {PROGRAMS}/rping | grep -e libibverbs -e librdmacm")
    libraries = [line.split(" => ")[1].split()[0] for line in said.splitlines()]
    resolved = run(machine, f"readlink -f {' '.join(libraries)}").split()
    assert len(resolved) == 2
    assert all(".so.1." in name and name.endswith(".59.0") for name in resolved), resolved


def test_rping_finds_its_peer_by_the_connection_manager(machine: RdmaMachine) -> None:
    address = machine.rdma_address
    server = f"./rping -s -a {address} -p 18610 -C 20 -v"
    client = f"./rping -c -a {address} -p 18610 -C 20 -v"
    said = run(machine, _BOTH.format(programs=PROGRAMS, server=server, client=client))
    assert "both ended well" in said
    assert said.count("ping data: rdma-ping-") == 20


def packets_sent(machine: RdmaMachine) -> int:
    """The packets that the device sent so far, as the kernel counts them."""
    counters = f"/sys/class/infiniband/{rdma_device(machine)}/ports/1/hw_counters"
    return int(shell(machine, f"cat {counters}/sent_pkts"))


@pytest.mark.parametrize("program", ["ib_write_lat", "ib_send_bw"])
def test_perftest_runs(machine: RdmaMachine, program: str) -> None:
    common = f"./{program} -d {rdma_device(machine)} -x 1 -F -p 18611 -n {MESSAGES} -s 4096"
    client = f"{common} {machine.rdma_address}"
    before = packets_sent(machine)
    said = run(machine, _BOTH.format(programs=PROGRAMS, server=common, client=client))
    assert "both ended well" in said
    rows = [line for line in said.splitlines() if line.split()[:2] == ["4096", str(MESSAGES)]]
    assert len(rows) == 1, said
    # Not perftest's own figures: where a busy machine's clocks run too unevenly for its
    # calibration ("Correlation coefficient r^2: ... < 0.9") it prints 0.00 for all of them.
    assert packets_sent(machine) - before >= MESSAGES
