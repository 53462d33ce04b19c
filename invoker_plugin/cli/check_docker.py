"""Checks of Docker: its version, what it can limit, the runtimes' images, one container made."""

from __future__ import annotations

import dataclasses
import os
import secrets
from collections.abc import AsyncIterator

from invoker_plugin.cli.check_report import Finding
from invoker_plugin.config.manifest import HEALTH_KIND
from invoker_plugin.config.settings import Settings
from invoker_plugin.containers import labels
from invoker_plugin.containers.container import Container
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.engine_errors import DockerFault
from invoker_plugin.containers.factory import ContainerFactory
from invoker_plugin.containers.images import Image, Images
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.containers.specification import ContainerSpecification
from invoker_plugin.errors import InvokerError

_MIB = 1024 * 1024
_LIMITS = {"MemoryLimit": "memory", "SwapLimit": "swap", "PidsLimit": "processes"}


async def check(settings: Settings) -> list[Finding]:
    """All of them, in an order in which a failure explains those after it."""
    # A name of its own: a running invoker's containers are not to be touched.
    containers = dataclasses.replace(
        ContainerSettings.from_settings(settings), name_prefix=f"swiftcheck{secrets.token_hex(4)}_"
    )
    engine = Engine(containers.docker_host)
    try:
        return [finding async for finding in _findings(settings, containers, engine)]
    finally:
        engine.close()


async def _findings(
    settings: Settings, containers: ContainerSettings, engine: Engine
) -> AsyncIterator[Finding]:
    try:
        version = await engine.version()
    except DockerFault as fault:
        where = containers.docker_host or "the usual socket"
        remedy = "start Docker Engine, or set DOCKER_HOST to where it listens"
        yield Finding("docker", "fail", f"{fault} ({where})", remedy)
        return
    yield Finding("docker", "ok", f"Engine {version['Version']}, API {version['ApiVersion']}")
    info = await engine.info()
    yield _limits(info)
    yield _memory(settings, info)
    yield _socket_root(containers)
    images = Images(engine, containers)
    present: list[Image] = []
    for name in sorted({runtime.image for runtime in settings.manifest.runtimes.values()}):
        finding, image = await _image(images, name)
        if image is not None:
            present.append(dataclasses.replace(image, name=name))
        yield finding
    yield _health_kind(settings)
    if present:
        # A Swift image where there is one: it needs the most.
        chosen = max(present, key=lambda image: image.protocol)
        async for finding in _one_container(containers, engine, chosen):
            yield finding


def _limits(info: dict[str, object]) -> Finding:
    missing = [name for key, name in _LIMITS.items() if info.get(key) is False]
    if not missing:
        return Finding("docker-limits", "ok", f"cgroup version {info.get('CgroupVersion', '1')}")
    return Finding(
        "docker-limits",
        "warn",
        f"this kernel does not limit {', '.join(missing)} of containers",
        "boot it with cgroup_enable=memory swapaccount=1",
    )


def _memory(settings: Settings, info: dict[str, object]) -> Finding:
    total_mb = int(str(info.get("MemTotal", 0))) // _MIB
    wanted_mb = settings.pool.user_memory_mb
    seen = f"{wanted_mb} MB for containers, of {total_mb} MB that Docker's host has"
    if wanted_mb < total_mb:
        return Finding("memory", "ok", seen)
    return Finding("memory", "warn", seen, "set pool.user_memory_mb to less than the host has")


def _socket_root(containers: ContainerSettings) -> Finding:
    root = containers.socket_root
    if root is None:
        return Finding("socket-root", "info", "none: Swift containers are reached over TCP")
    if (containers.docker_host or "").startswith(("tcp:", "http", "ssh:")):
        return Finding(
            "socket-root",
            "warn",
            f"{root}, but Docker is at {containers.docker_host}",
            "leave containers.socket_root empty unless that is this very machine",
        )
    nearest = root
    while not os.path.exists(nearest):
        nearest = os.path.dirname(nearest)
    if os.access(nearest, os.W_OK):
        return Finding("socket-root", "ok", root)
    return Finding(
        "socket-root", "fail", f"{nearest} can't be written", "set containers.socket_root"
    )


async def _image(images: Images, name: str) -> tuple[Finding, Image | None]:
    try:
        image = await images.ready(name, managed=True)
    except InvokerError as fault:
        remedy = f"docker pull {name}, or docker load it"
        return Finding(f"image {name}", "fail", str(fault), remedy), None
    kind = f"speaks the Swift protocol {image.protocol}" if image.protocol else "an ordinary image"
    return Finding(f"image {name}", "ok", kind), image


def _health_kind(settings: Settings) -> Finding:
    image = settings.manifest.image_of(HEALTH_KIND)
    if image is not None:
        return Finding("health-action", "ok", f"{HEALTH_KIND} runs in {image}")
    return Finding(
        "health-action",
        "fail",
        f"the runtimes manifest has no {HEALTH_KIND}",
        "add it: the controller calls no invoker healthy that can't run its test action",
    )


async def _one_container(
    containers: ContainerSettings, engine: Engine, image: Image
) -> AsyncIterator[Finding]:
    factory = ContainerFactory(containers, engine)
    specification = ContainerSpecification(
        name=f"{containers.name_prefix}1_check",
        image=image.name,
        kind="check",
        memory_mb=min(256, containers.user_memory_mb),
        labels=labels.identity("check"),
    )
    try:
        factory.prepare()
        container = await factory.create(specification)
        try:
            yield _made(container)
            yield _log_file(container)
        finally:
            await container.remove()
    except InvokerError as fault:
        yield Finding(
            "container", "fail", str(fault), f"try it by hand: docker run --rm {image.name}"
        )
    finally:
        # Waits until a container that came to nothing is removed.
        await factory.close()


def _made(container: Container) -> Finding:
    traits = container.traits
    return Finding(
        "container",
        "ok",
        f"{traits.image}: created in {traits.create_ms:.0f} ms, started in {traits.start_ms:.0f}",
    )


def _log_file(container: Container) -> Finding:
    if container.reads_log_file:
        return Finding("container-logs", "ok", "read from Docker's own files")
    return Finding(
        "container-logs",
        "warn",
        "Docker's log files can't be read; its API is used, which is slower",
        "run as a user who may read Docker's data directory",
    )
