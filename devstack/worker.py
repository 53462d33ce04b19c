"""What runs in the RDMA machine: the memory server, and the invoker under OpenWhisk's settings."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from devstack import commands, packages
from devstack.api import Api
from devstack.environment import source_digest
from devstack.errors import DevstackError
from devstack.files import write_atomically
from devstack.kafka import Kafka
from devstack.machine import RdmaMachine
from devstack.machine.choice import ipv4_of, rdma_devices
from devstack.machine.soft_rdma import DEVICE
from devstack.machine_service import MachineService
from devstack.manifest import runtimes_manifest
from devstack.paths import REPOSITORY, Paths
from devstack.secrets import Secrets
from devstack.store import Store

_MEMORY_PORT = 7471
_REGION_BYTES = 1 << 20
_READY_S = 90.0
_HEALTHY_S = 240.0
_POLL_S = 0.25
_USER = "devstack"
_LOOPBACK = ("127.0.0.1", "localhost")
INVOKER_ID = 0


class MemoryServer:
    """The remote memory that RDMA actions write to and read from."""

    def __init__(self, paths: Paths, machine: RdmaMachine) -> None:
        self._paths = paths
        self._machine = machine

    @property
    def peer(self) -> str:
        """``host:port`` as actions take it."""
        return f"{self._machine.rdma_address}:{_MEMORY_PORT}"

    @property
    def service(self) -> MachineService:
        """Its process in the machine."""
        return MachineService(
            self._machine,
            self._paths,
            "memory-server",
            [
                self._python, "-m", "swift_rdma.memory_server",
                "--host", self._machine.rdma_address, "--port", str(_MEMORY_PORT),
                "--bytes", str(_REGION_BYTES), "--device", rdma_device(self._machine),
            ],
            environment=self._environment,
            configuration=source_digest(REPOSITORY / "runtime_image" / "swift_rdma"),
        )  # fmt: skip

    def ensure_pyverbs(self) -> str:
        """Have pyverbs for it: the virtual machine has it, on this host it is Debian's."""
        if self._machine.kind == "vm":
            return "kept: in the machine's disk"
        if commands.output_of([self._python, "-c", "import pyverbs.device"]) is not None:
            return "kept"
        packages.install(self._paths, ["python3-pyverbs"])
        return "installed: python3-pyverbs"

    def ensure_started(self) -> str:
        """Have it running."""
        started = self.service.start()
        self.service.await_line('"ready"', _READY_S)
        return f"{'started' if started else 'kept'}: {self.peer}"

    @property
    def _python(self) -> str:
        # pyverbs is a package of the distribution, for the distribution's own Python.
        return self._machine.python if self._machine.kind == "vm" else "/usr/bin/python3"

    @property
    def _environment(self) -> dict[str, str]:
        if self._machine.kind == "vm":
            return {}
        return {"PYTHONPATH": str(REPOSITORY / "runtime_image")}


def rdma_device(machine: RdmaMachine) -> str:
    """The name of the RDMA device on the machine that actions use."""
    if machine.kind == "vm":
        return "rxe0"
    if machine.kind == "rxe":
        return DEVICE
    usable = [device for device in rdma_devices() if ipv4_of(device) is not None]
    if not usable:
        raise DevstackError("no RDMA device of this host has a GID with an IPv4 address")
    return usable[0]


class Invoker:
    """``swift-invoker run`` in the machine, with the names OpenWhisk gives its settings."""

    def __init__(
        self, paths: Paths, machine: RdmaMachine, kafka: Kafka, store: Store, api: Api
    ) -> None:
        self._paths = paths
        self._machine = machine
        self._kafka = kafka
        self._store = store
        self._api = api

    @property
    def service(self) -> MachineService:
        """Its process in the machine."""
        directory = MachineService(self._machine, self._paths, "invoker", []).directory
        return MachineService(
            self._machine,
            self._paths,
            "invoker",
            [
                self._machine.python, "-m", "invoker_plugin.cli.main", "run",
                "--id", str(INVOKER_ID), "--displayed-name", f"invoker{INVOKER_ID}",
                "--config", f"{directory}/invoker.toml",
            ],
            environment=self.environment(),
            configuration=source_digest(REPOSITORY / "invoker_plugin") + self.toml(),
            stop_s=60,
        )  # fmt: skip

    def ensure_started(self) -> str:
        """Have it running, with the settings and the source of now."""
        service = self.service
        local = self._paths.run / "invoker.toml"
        write_atomically(local, self.toml())
        if self._machine.kind == "vm":
            self._machine.push(local, f"{service.directory}/invoker.toml")
        return "started" if service.start() else "kept"

    def await_healthy(self) -> str:
        """Wait until the controller gives it work."""
        deadline = time.monotonic() + _HEALTHY_S
        while self._api.healthy_invokers() < 1:
            if self.service.pid() is None:
                raise DevstackError(f"the invoker ended: {self.service.last_line()}")
            if time.monotonic() > deadline:
                raise DevstackError(
                    f"the controller does not call the invoker healthy ({self._api.invokers()}); "
                    "see `python -m devstack logs invoker controller`"
                )
            time.sleep(_POLL_S)
        return f"invoker{INVOKER_ID} is up"

    def environment(self) -> Mapping[str, str]:
        """What OpenWhisk's deployment would set for its invoker, as seen from the machine."""
        store = self._store.address
        host = self._machine.host_address
        virtual = self._machine.kind == "vm"
        return {
            **self._store.environment(),
            "CONFIG_whisk_couchdb_host": host if store.host in _LOOPBACK else store.host,
            "KAFKA_HOSTS": self._kafka.machine_hosts if virtual else self._kafka.hosts,
            "RUNTIMES_MANIFEST": json.dumps(runtimes_manifest()),
            "CONFIG_whisk_userEvents_enabled": "true",
            "CONFIG_whisk_containerPool_userMemory": "4096m",
            "CONFIG_whisk_invoker_username": _USER,
            "CONFIG_whisk_invoker_password": Secrets(self._paths).password("invoker"),
            "CONFIG_whisk_invoker_resource_tags": "rdma",
            "WHISK_API_HOST_PROTO": "http",
            "WHISK_API_HOST_NAME": host,
            "WHISK_API_HOST_PORT": self._api.url.rpartition(":")[2],
            "DOCKER_HOST": self._machine.docker_host_url,
            "PORT": "8085" if virtual else "0",
        }

    def toml(self) -> str:
        """The settings that have no name in OpenWhisk."""
        virtual = self._machine.kind == "vm"
        sockets = "/run/swift-invoker" if virtual else self._paths.run / "containers"
        # this host keeps nothing of the devstack's but what is under its home
        cache = "/run/swift-verbs" if virtual else self._paths.run / "verbs"
        return "\n".join(
            [
                "[containers]",
                f"rdma_device = {json.dumps(rdma_device(self._machine))}",
                f"socket_root = {json.dumps(str(sockets))}",
                f"verbs_cache = {json.dumps(str(cache))}",
                "[store]",
                f"spool_directory = {json.dumps(str(self._spool()))}",
                "",
            ]
        )

    def _spool(self) -> Path:
        virtual = self._machine.kind == "vm"
        return Path("/var/lib/swift-invoker") if virtual else self._paths.data / "records"
