"""``swift-invoker run`` in the RDMA machine, on a soft-RoCE device of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from devstack.machine_service import MachineService
from devstack.stack import Stack
from tests.integration.patched import shell

DEVICE, NETDEV, ADDRESS = "rxe7", "dummy7", "10.0.87.1"
UNIQUE_NAME = "removal"
_HOME = PurePosixPath("/run/swift-removal")
_START_S = 240.0
_TOML = f"""
[containers]
rdma_device = "{DEVICE}"
socket_root = "{_HOME}/containers"
verbs_cache = "{_HOME}/verbs"
[store]
spool_directory = "{_HOME}/spool"
[kafka]
journal_directory = "{_HOME}/journal"
"""


class RemovableDevice:
    """A soft-RoCE device that nothing else on the machine uses."""

    def __init__(self, stack: Stack) -> None:
        self._machine = stack.machine

    def make_network(self) -> None:
        """The network device below it."""
        script = f"ip link add {NETDEV} type dummy; ip address add {ADDRESS}/24 dev {NETDEV}"
        shell(self._machine, f"set -e; {script}; ip link set {NETDEV} up")

    def add(self) -> None:
        shell(self._machine, f"rdma link add {DEVICE} type rxe netdev {NETDEV}")

    def remove(self, timeout_s: float) -> None:
        """Returns when the kernel has let go of it."""
        shell(self._machine, f"timeout {timeout_s} rdma link delete {DEVICE}", timeout_s=timeout_s)

    def remove_all(self) -> None:
        """Whatever is there of it."""
        shell(self._machine, f"rdma link delete {DEVICE}", check=False)
        shell(self._machine, f"ip link delete {NETDEV}", check=False)


class MachineInvoker:
    """The process in the machine; its containers are known by its name."""

    def __init__(self, stack: Stack, environment: Mapping[str, str]) -> None:
        machine = stack.machine
        program = [machine.python, "-m", "invoker_plugin.cli.main", "run", "--id", "0"]
        options = ["--unique-name", UNIQUE_NAME, "--config", f"{_HOME}/invoker.toml"]
        self._machine = machine
        self._service = MachineService(
            machine, stack.paths, "invoker-removal", [*program, *options], environment, stop_s=90
        )

    def start(self) -> None:
        """Start it and wait until it takes messages."""
        shell(self._machine, f"mkdir -p {_HOME}; printf %s '{_TOML}' >{_HOME}/invoker.toml")
        assert self._service.start()
        self._service.await_line("topic-assigned", _START_S)

    def stop(self) -> None:
        self._service.stop()
        shell(self._machine, f"rm -rf {_HOME} {self._service.log}")

    def containers(self, *filters: str) -> set[str]:
        """Names of its containers that Docker lists, by Docker's filters."""
        named = f"name=wsk{UNIQUE_NAME}0_"  # several of one sort would be alternatives
        options = " ".join(f"--filter {one}" for one in (named, *filters))
        listed = shell(self._machine, f"docker ps --format '{{{{.Names}}}}' {options}")
        return set(listed.split())

    def log_text(self) -> str:
        """The end of its log, for a failure's message."""
        return self._service.tail(500)
