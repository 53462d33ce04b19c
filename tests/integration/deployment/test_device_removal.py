"""The RDMA device is taken away under an idle invoker, and given back: through the whole product.

Soft-RoCE's driver can't take a device from who has it open, so the removal ends only when the last
idle, paused or waiting container has gone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devstack.manifest import RDMA_KIND, runtimes_manifest
from devstack.paths import REPOSITORY
from devstack.stack import Stack
from runtime_image.build import PATCHED, PLAIN
from tests.integration.controller.conftest import controller_process
from tests.integration.deployment.conftest import PING_TIMEOUT_MS, invoker_environment
from tests.integration.deployment.machine_invoker import DEVICE, MachineInvoker, RemovableDevice
from tests.integration.deployment.running import Caller, Record, annotation, started
from tests.integration.patched import have
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker, pytest.mark.rdma]

MEMORY_MB = 128
REMOVAL_S = 180.0
"""An emulated machine takes seconds for each container; a leak would take ten minutes."""
TALK = (REPOSITORY / "ansible/roles/swift_verify/files/action.py").read_text()
ECHO = "def main(args): return args"


@dataclass
class Scene:
    """A controller, and an invoker in the machine with a device of its own."""

    caller: Caller
    invoker: MachineInvoker
    device: RemovableDevice

    def talk(self) -> Record:
        """A function writes to itself over the device; its record."""
        return self.caller.invoke("talk", value="v", peer="loopback")


def _manifest() -> dict[str, Any]:
    """With a stem cell of the RDMA kind."""
    manifest = copy.deepcopy(runtimes_manifest())
    for runtime in manifest["runtimes"]["python"]:
        if runtime["kind"] == RDMA_KIND:
            runtime["image"]["tag"] = PATCHED.tag.partition(":")[2]
            runtime["stemCells"] = [{"initialCount": 1, "memory": f"{MEMORY_MB} MB"}]
    return manifest


@pytest.fixture
def scene(
    devstack: Stack,
    docker_host: str,
    kafka_hosts: str,
    store_settings: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    machine = have(devstack, docker_host, PATCHED, *PLAIN)
    device = RemovableDevice(devstack)
    folder, manifest = tmp_path_factory.mktemp("removal"), _manifest()
    virtual = machine.kind == "vm"
    hosts = devstack.kafka.machine_hosts if virtual else kafka_hosts
    store = {**store_settings, **({"host": machine.host_address} if virtual else {})}
    with controller_process(
        kafka_hosts, store_settings, folder, manifest, PING_TIMEOUT_MS
    ) as controller:
        environment = {
            **invoker_environment(controller, hosts, store, machine.docker_host_url, manifest),
            "CONFIG_whisk_containerProxy_timeouts_pauseGrace": "1 second",
        }
        invoker = MachineInvoker(devstack, environment)
        try:
            device.make_network()
            device.add()
            invoker.start()
            controller.await_state("up", 240)
            yield Scene(Caller(controller), invoker, device)
        finally:
            invoker.stop()  # and its containers, or the device would stay
            device.remove_all()


def test_the_device_goes_comes_back_and_functions_go_on(scene: Scene) -> None:
    caller, invoker = scene.caller, scene.invoker
    limits = {"memory": MEMORY_MB}
    caller.create("talk", TALK, RDMA_KIND, limits)
    caller.create("ordinary", ECHO, "python:3", limits)
    first = scene.talk()
    assert first["response"]["success"], first
    # "shared" and better need what the template holds open; the loopback's end is a second pair
    assert annotation(first, "swift")["rdma"] != "stock"
    ordinary = caller.invoke("ordinary", n=1)
    assert started(ordinary) == "cold"
    swift = "label=org.swift-invoker.protocol=1"
    eventually(lambda: invoker.containers(swift, "status=paused"), "the pause", 120)
    eventually(lambda: invoker.containers(swift, "status=running"), "the next stem cell", 120)
    had_it = invoker.containers(swift)
    assert len(had_it) >= 2

    scene.device.remove(REMOVAL_S)
    eventually(lambda: not had_it & invoker.containers(), "their end", 60)
    away = scene.talk()
    assert not away["response"]["success"]
    assert f"RDMA device {DEVICE} is not on this host" in away["response"]["result"]["error"]
    assert started(caller.invoke("ordinary", n=2)) == "warm", "it has no device to lose"

    scene.device.add()
    again = scene.talk()
    assert again["response"]["success"], (again, invoker.log_text())
    assert started(again) in ("cold", "prewarm")
    assert started(scene.talk()) == "warm"
    assert "its RDMA device was removed" in invoker.log_text()
