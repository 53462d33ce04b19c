"""The parts on the machine's side: Docker Engine, images, the machine, and what runs in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from devstack.errors import DevstackError, NotRunning
from devstack.image import ensure_built, ensure_loaded
from devstack.machine import (
    Engine,
    RdmaMachine,
    machine_kind,
    machine_programs,
    open_engine,
)
from devstack.machine_service import MachineService
from devstack.parts import PROGRAMS, Part
from devstack.paths import Paths
from devstack.steps import Step
from devstack.worker import Invoker, MemoryServer


def engine_part(paths: Paths) -> Part:
    """A Docker Engine on this host: it builds the images."""

    def engine() -> Engine:
        # Asked anew each time: which engine it is depends on what answers at the moment.
        return open_engine(paths)

    return Part(
        "engine",
        [Step("engine: running", lambda: engine().up(), (PROGRAMS,))],
        stop=lambda: engine().down(),
        state=lambda: engine().status(),
        programs=lambda: machine_programs(machine_kind(paths)),
        logs=lambda: (paths.logs / "engine.log",),
        environment=lambda: {"DOCKER_HOST": engine().docker_host_url},
    )


def image_part(paths: Paths) -> Part:
    """The container images on the host's engine."""
    return Part(
        "image",
        [
            Step(
                "images: built",
                lambda: ensure_built(paths, open_engine(paths)),
                ("engine: running", "python environment"),
            )
        ],
        stop=lambda: False,
        state=lambda: "kept by the engine",
        requires=("engine", "controller"),
        logs=lambda: (paths.logs / "image.log",),
    )


def machine_part(paths: Paths, machine: RdmaMachine) -> Part:
    """The RDMA machine, with the images on it."""
    return Part(
        "machine",
        [
            Step("machine: disk", machine.build, (PROGRAMS, "python environment")),
            Step("machine: images", lambda: ensure_loaded(machine), ("images: built",)),
            Step("machine: running", machine.up, ("machine: disk", "machine: images")),
        ],
        stop=machine.down,
        state=machine.status,
        requires=("engine", "image"),
        logs=lambda: (paths.logs / "machine-console.log",),
    )


def memory_part(paths: Paths, memory: MemoryServer) -> Part:
    """The memory server in the machine."""
    return Part(
        "memory",
        [
            Step("memory server: pyverbs", memory.ensure_pyverbs, (PROGRAMS,)),
            Step(
                "memory server",
                memory.ensure_started,
                ("memory server: pyverbs", "machine: running"),
            ),
        ],
        stop=lambda: _stop(memory.service),
        state=lambda: _state(memory.service, memory.peer),
        requires=("machine",),
        logs=lambda: _logs(paths, memory.service),
        environment=lambda: {"SWIFT_MEMORY_PEER": memory.peer},
    )


def invoker_part(paths: Paths, invoker: Invoker) -> Part:
    """The invoker in the machine, healthy in the controller's eyes."""
    return Part(
        "invoker",
        [
            Step("invoker", invoker.ensure_started, ("controller", "machine: running")),
            Step("invoker: healthy", invoker.await_healthy, ("invoker",)),
        ],
        stop=lambda: _stop(invoker.service),
        state=lambda: _state(invoker.service, "in the machine"),
        requires=("controller", "machine"),
        logs=lambda: _logs(paths, invoker.service),
    )


def _stop(service: MachineService) -> bool:
    try:
        return service.stop()
    except NotRunning:
        return False  # the machine is down, and with it the service


def _state(service: MachineService, where: str) -> str:
    try:
        pid = service.pid()
    except DevstackError as error:
        return f"down: {error}"
    return "down" if pid is None else f"up, pid {pid} there, {where}"


def _logs(paths: Paths, service: MachineService) -> Sequence[Path]:
    """The service's log, fetched from the machine when that is up."""
    local = paths.logs / f"{service.name}.log"
    try:
        service.machine.pull(service.log, local)
    except NotRunning:
        return (local,)  # as fetched before
    return (local,)
