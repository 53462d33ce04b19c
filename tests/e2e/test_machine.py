"""The RDMA machine: a device, containers that use it and nothing else, and an end without rests."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import proc
from devstack.errors import DevstackError, NotRunning
from devstack.lock import exclusive
from devstack.machine import RdmaMachine, qemu
from devstack.machine.virtual import VirtualMachine
from devstack.paths import PACKAGE
from devstack.process import MARK
from devstack.stack import Stack
from devstack.worker import rdma_device
from tests.e2e.private_machine import private_machine

pytestmark = pytest.mark.rdma

# An image that is nothing but links: the programs are the machine's own, mounted read-only.
_MAKE_IMAGE = """
set -eu
cd "$(mktemp -d)"
mkdir -p usr etc dev proc sys tmp
for name in bin sbin lib lib64; do ln -s "usr/$name" "$name"; done
cp -r /etc/libibverbs.d /etc/ld.so.cache etc/
tar -c . | docker import - swift-test/machine:1
"""
_RESTRICTED = [
    "--volume=/usr:/usr:ro",
    "--device=/dev/infiniband/uverbs0",
    "--cap-drop=NET_RAW",
    "--cap-drop=NET_ADMIN",
    "--ulimit=memlock=268435456",
]
# The server says when it listens; 4 KiB written there and back, 50 times.
_WRITE = """
set -eu
ib_write_lat -d {device} -x {gid} -F -p 18599 -n 50 -s 4096 >/tmp/server.log 2>&1 &
server=$!
until ss -ltn | grep -q :18599; do kill -0 $server; sleep 0.1; done
docker run --rm {options} swift-test/machine:1 \
    ib_write_lat -d {device} -x {gid} -F -p 18599 -n 50 -s 4096 {address}
wait $server
"""


@pytest.fixture(scope="module")
def machine(devstack: Stack) -> RdmaMachine:
    """The devstack's own machine, up."""
    try:
        with exclusive(devstack.paths):
            devstack.up(["machine"])
    except DevstackError as error:
        pytest.fail(f"the RDMA machine cannot be had: {error}", pytrace=False)
    devstack.machine.run(["sh", "-c", _MAKE_IMAGE])
    return devstack.machine


def test_it_has_an_active_rdma_device(machine: RdmaMachine) -> None:
    device = rdma_device(machine)
    assert machine.run(["rdma", "link", "show", f"{device}/1"]).stdout.count("state ACTIVE") == 1
    assert device in machine.run(["ibv_devices"]).stdout


def test_it_runs_containers(machine: RdmaMachine) -> None:
    said = machine.run(
        ["docker", "run", "--rm", "--volume=/usr:/usr:ro", "swift-test/machine:1", "echo", "hello"]
    )
    assert said.stdout == "hello\n"


@pytest.mark.parametrize("network", ["bridge", "host"])
def test_a_container_with_one_device_writes_to_the_machines_memory(
    machine: RdmaMachine, network: str
) -> None:
    script = _WRITE.format(
        device=rdma_device(machine),
        gid=_gid_index(machine),
        options=" ".join([*_RESTRICTED, f"--network={network}"]),
        address=machine.rdma_address,
    )
    said = machine.run(["sh", "-c", script], timeout_s=180).stdout
    sizes = [line.split()[:2] for line in said.splitlines() if line.strip().startswith("4096")]
    assert sizes == [["4096", "50"]]


def test_files_go_there_and_back(machine: RdmaMachine, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "file").write_bytes(b"\x00content\n")
    machine.push(tree, "/tmp/pushed tree")
    machine.pull("/tmp/pushed tree/below/file", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"\x00content\n"


def test_a_port_of_it_is_reached_by_one_of_this_host(machine: RdmaMachine) -> None:
    serve = (
        "import socket\n"
        "listener = socket.create_server(('0.0.0.0', 18600), reuse_port=True)\n"
        "print('listening', flush=True)\n"
        "connection, _ = listener.accept()\n"
        "connection.sendall(b'hello')\n"
    )
    command = machine.command(["python3", "-c", serve])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "listening\n"
        port = machine.forward(18600)
        assert machine.forward(18600) == port
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            assert connection.recv(5) == b"hello"


def test_its_python_has_the_project(machine: RdmaMachine) -> None:
    machine.run([machine.python, "-c", "import invoker_plugin, swift_rdma, confluent_kafka"])


def test_a_failing_command_is_an_error_with_its_last_line(machine: RdmaMachine) -> None:
    with pytest.raises(DevstackError, match=r"failed \(3\): no such luck"):
        machine.run(["sh", "-c", "echo no such luck >&2; exit 3"])


@pytest.fixture(scope="module", name="private_machine")
def own_machine(
    devstack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VirtualMachine]:
    """A virtual machine of a home of its own, on the disk that the devstack has built; down."""
    machine = private_machine(devstack, tmp_path_factory.mktemp("machine") / "home")
    yield machine
    machine.down()


def test_it_ends_without_rests_and_starts_again_from_its_saved_state(
    private_machine: VirtualMachine,
) -> None:
    machine = private_machine
    assert machine.up().startswith("booted")
    machine.run(["sh", "-c", "echo changed > /root/changed"])
    assert machine.up().startswith("kept")
    assert machine.down()
    _assert_nothing_left(machine)

    assert machine.up().startswith("loaded")
    assert machine.run(["test", "-e", "/root/changed"], check=False).returncode == 1
    clock_s = int(machine.run(["date", "+%s"]).stdout)
    assert abs(clock_s - int(machine.paths.run.stat().st_ctime)) < 24 * 3600
    assert machine.down()
    assert not machine.down()


def test_a_broken_saved_state_costs_a_boot_and_nothing_more(
    private_machine: VirtualMachine,
) -> None:
    machine = private_machine
    machine.up()
    machine.down()
    (state,) = (machine.paths.cache / "machine").glob("state-*")
    memory = (state / "memory").read_bytes()
    (state / "memory").write_bytes(memory[: len(memory) // 2])
    assert machine.up().startswith("booted")
    assert machine.run(["rdma", "link"]).stdout.count("ACTIVE") == 1


_AS_A_HOST = """
import subprocess
from devstack.machine import open_machine
from devstack.paths import PACKAGE, Paths

paths = Paths.find()
machine = open_machine(paths)
print(machine.kind, machine.rdma_address, machine.up())
subprocess.run(["rdma", "link", "delete", "rxe0"], check=True)
subprocess.run(["ip", "link", "delete", "dummy0"], check=True)
machine = open_machine(paths)
print(machine.kind, machine.rdma_address, machine.up())
print(machine.status(), open_machine(paths).kind)
print(machine.down(), machine.status(), machine.down())
"""


def test_a_host_with_rdma_or_soft_rdma_is_the_machine_itself(
    private_machine: VirtualMachine,
) -> None:
    """The virtual machine plays the host: first with a device, then with a kernel that can."""
    machine = private_machine
    machine.up()
    machine.push(PACKAGE, "/tmp/checkout/devstack")
    script = f"cd /tmp/checkout && DEVSTACK_HOME=/tmp/home python3 -c '{_AS_A_HOST}'"
    said = machine.run(["sh", "-c", script], timeout_s=180).stdout.splitlines()
    engine = "Docker Engine: the host's own, unix:///var/run/docker.sock"
    assert said == [
        f"host 10.0.77.1 this host (host), {engine}",
        f"rxe 10.0.77.1 this host (rxe), {engine}",
        "up, this host, swiftrxe0 rxe",
        "True down False",
    ]
    # Its device is gone: the tests after this one start it again.
    machine.down()


def _gid_index(machine: RdmaMachine) -> int:
    """Where in the device's GID table the machine's IPv4 address is."""
    wanted = "0000:0000:0000:0000:0000:ffff:{:02x}{:02x}:{:02x}{:02x}".format(
        *(int(part) for part in machine.rdma_address.split("."))
    )
    device = rdma_device(machine)
    gids = f"/sys/class/infiniband/{device}/ports/1/gids"
    said = machine.run(["sh", "-c", f"grep -l {wanted} {gids}/* 2>/dev/null | head -1"]).stdout
    return int(Path(said.strip()).name)


def _assert_nothing_left(machine: VirtualMachine) -> None:
    home = str(machine.paths.home)
    assert proc.with_environment(MARK, home) == []
    assert machine.status() == "down"
    assert home not in Path("/proc/self/mounts").read_text()
    left = [file.name for file in (machine.paths.data / "machine").iterdir()]
    assert sorted(left) == ["ssh_key", "ssh_key.pub"]
    with pytest.raises(NotRunning):
        machine.run(["true"])
    assert machine.init == qemu.SMALL_INIT
