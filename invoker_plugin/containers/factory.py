"""Makes containers with Docker, and clears them away."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from invoker_plugin.containers import arguments, clean_up, rdma_devices
from invoker_plugin.containers.container import Container, Traits
from invoker_plugin.containers.deaths import DeathWatch
from invoker_plugin.containers.engine import Engine, Observe
from invoker_plugin.containers.engine_errors import DockerFault, launch_fault
from invoker_plugin.containers.http_client import ContainerClient
from invoker_plugin.containers.http_connection import Address, TcpAddress, UnixAddress
from invoker_plugin.containers.images import Image, Images
from invoker_plugin.containers.log_sources import EngineLog, JsonFile, LogSource
from invoker_plugin.containers.networks import joining
from invoker_plugin.containers.networks.ready import Network, ReadyNetworks
from invoker_plugin.containers.rdma_devices import RdmaDevice
from invoker_plugin.containers.settings import ContainerSettings, rdma_now
from invoker_plugin.containers.socket_directories import SocketDirectories, socket_in
from invoker_plugin.containers.specification import ContainerSpecification
from invoker_plugin.errors import DeveloperFault, SystemFault
from invoker_plugin.log import event
from invoker_plugin.wire import texts

_log = logging.getLogger(__name__)
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
_OLDEST_API = (1, 40)
_RECENT_S = 10.0
_PROBE_S = 5.0


class _ExitedAtOnce(Exception):
    """The container's process ended before anything was asked of it."""


class _NetworkLost(Exception):
    """A network that was made ahead could not be joined; nothing of the attempt is left."""


@dataclass(frozen=True)
class _Order:
    """One container to be made, with all that was found out for it."""

    specification: ContainerSpecification
    image: Image
    directory: str | None
    config: dict[str, Any]
    device: RdmaDevice | None

    @property
    def name(self) -> str:
        return self.specification.name


class ContainerFactory:
    """Provides ``interface.AnyContainerFactory`` with one Docker Engine."""

    def __init__(
        self,
        settings: ContainerSettings,
        engine: Engine | None = None,
        observe: Observe | None = None,
    ) -> None:
        self._settings = settings
        self._engine = engine or Engine(settings.docker_host, observe)
        self._images = Images(self._engine, settings)
        self._deaths = DeathWatch(self._engine, settings.name_prefix.rstrip("_"))
        self._networks = ReadyNetworks(self._engine, self._deaths, settings)
        self._permits = asyncio.Semaphore(settings.parallel_runs)
        root = settings.socket_root
        self._directories = SocketDirectories(root) if root else None
        self._background: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Check that Docker answers and is new enough, and remove what an earlier run left."""
        try:
            version = await self._engine.version()
        except DockerFault as fault:
            raise SystemFault(
                f"no Docker Engine at {self._settings.docker_host or 'the usual socket'}: {fault};"
                " start it, or set DOCKER_HOST"
            ) from None
        api = str(version.get("ApiVersion", ""))
        if tuple(int(part) for part in api.split(".") if part.isdigit()) < _OLDEST_API:
            raise SystemFault(f"Docker Engine API {api} is too old: 1.40 (Docker 19.03) is needed")
        self.prepare()
        self._deaths.start()
        await self.clean_up()
        self._networks.start()

    def prepare(self) -> None:
        """Make what containers need on this host. Raises SystemFault."""
        if self._directories is not None:
            self._directories.prepare()

    async def create(self, specification: ContainerSpecification) -> Container:
        """Create and start a container. Raises DeveloperFault or SystemFault."""
        image = await self._images.ready(specification.image, specification.managed)
        directory = None
        if image.protocol and self._directories is not None:
            directory = self._directories.make()
        try:
            return await self._create(specification, image, directory)
        except BaseException:
            if self._directories is not None and directory is not None:
                self._later(self._directories.remove(directory))
            raise

    async def clean_up(self) -> int:
        """Remove every container of this invoker. Raises SystemFault after 30 s."""
        await self._networks.stop()
        await self._drain_background()
        return await clean_up.remove_all(
            self._engine,
            self._settings.name_prefix,
            self._directories,
            self._settings.removed_at_once,
        )

    async def healthy(self) -> bool:
        """True when Docker answered within the last 10 s, or does now within 5 s."""
        if self._engine.silent_s < _RECENT_S:
            return True
        try:
            await self._engine.version(_PROBE_S)
        except DockerFault as fault:
            event(_log, logging.WARNING, "docker_silent", error=str(fault))
            return False
        return True

    async def close(self) -> None:
        """Let go of threads and connections; containers stay."""
        await self._networks.stop()
        await self._drain_background()
        self._deaths.stop()
        self._engine.close()

    def figures(self) -> dict[str, Any]:
        """What ``GET /state`` tells of it."""
        return {"ready_networks": self._networks.figures()}

    def on_exit(self, listener: Callable[[str], None]) -> None:
        """Have ``listener`` called with the id of each container that exits by itself."""
        self._deaths.on_exit(listener)

    async def _create(
        self, specification: ContainerSpecification, image: Image, directory: str | None
    ) -> Container:
        settings, device = self._settings, None
        if image.protocol and specification.rdma and settings.rdma_device:
            # Before its number is looked up: of one that changes meanwhile the container is rid.
            device = rdma_devices.find(settings.rdma_device)
            settings = rdma_now(settings)
        config = arguments.create_arguments(
            specification, settings, image.name, image.protocol, directory
        )
        self._networks.begin_start()
        try:
            async with self._permits:
                return await self._launch(_Order(specification, image, directory, config, device))
        except DockerFault as fault:
            raise launch_fault(fault, image.name, specification.managed) from None
        except _ExitedAtOnce:
            if specification.managed:
                raise SystemFault(f"runtime image {image.name!r} exits as it starts") from None
            raise DeveloperFault(texts.ABNORMAL_INITIALIZATION) from None
        finally:
            self._networks.end_start()

    async def _launch(self, order: _Order) -> Container:
        """Create and start it, in a network that is ready where there is one for it."""
        network = self._networks.take(order.config, order.name)
        if network is not None:
            try:
                return await self._made(order, network)
            except _NetworkLost as lost:
                self._networks.not_joined(order.name, f"could not be joined: {lost}")
        return await self._made(order, None)

    async def _made(self, order: _Order, network: Network | None) -> Container:
        config, identity = order.config, None
        began = time.monotonic()
        try:
            given = config if network is None else joining.joined(config, network.holder)
            identity = await self._engine.create(order.name, given)
            create_ms = _since_ms(began)
            facts, start_ms = await self._start(identity)
            address = _address(facts, config["HostConfig"]["NetworkMode"], order.directory, network)
        except BaseException as failure:
            if network is not None:
                self._networks.discard(network)
                if isinstance(failure, DockerFault) and _concerns(failure, network):
                    if identity is not None:
                        # At once, since the next attempt wants the same name.
                        self._deaths.forget(identity)
                        await self._remove_broken(identity, order.name)
                    raise _NetworkLost(str(failure)) from None
            if identity is not None:
                # What was created and is of no use must not stay (behaviour 91).
                self._abandon(identity, order.name)
            raise
        traits = Traits(
            identity,
            order.name,
            order.image.name,
            order.image.protocol,
            address,
            order.directory,
            create_ms,
            start_ms,
            order.device,
        )
        return self._container(traits, str(facts.get("LogPath") or ""), network)

    async def _start(self, identity: str) -> tuple[dict[str, Any], float]:
        """Start it: what Docker then knows of it, and the time that starting took in ms."""
        if not _CONTAINER_ID.fullmatch(identity):
            raise SystemFault(f"docker create answered {identity!r}, which is no container id")
        # Followed from before it starts, so that not even an immediate exit is missed.
        self._deaths.follow(identity)
        began = time.monotonic()
        await self._engine.start(identity)
        start_ms = _since_ms(began)
        facts = await self._engine.inspect(identity)
        if not facts.get("State", {}).get("Running"):
            raise _ExitedAtOnce
        return facts, start_ms

    def _container(self, traits: Traits, log_path: str, network: Network | None) -> Container:
        fate = self._deaths.follow(traits.id)
        client = ContainerClient(
            traits.address,
            self._settings.response_limit_bytes,
            self._settings.truncation_bytes,
            lambda: fate.exited,
        )
        source = _log_source(self._engine, traits.id, log_path)
        removed = None
        if network is not None:
            self._networks.joined(network, traits.id)
            removed = partial(self._networks.discard, network)
        return Container(
            traits, self._engine, self._deaths, client, source, self._directories, removed
        )

    def _abandon(self, identity: str, name: str) -> None:
        self._deaths.forget(identity)
        self._later(self._remove_broken(identity, name))

    async def _remove_broken(self, identity: str, name: str) -> None:
        try:
            await self._engine.remove(identity)
        except DockerFault as fault:
            event(
                _log, logging.ERROR, "broken_container_left", container_name=name, error=str(fault)
            )

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _drain_background(self) -> None:
        while self._background:
            await asyncio.wait(set(self._background))


def _concerns(fault: DockerFault, network: Network) -> bool:
    """Whether it may be the network's holder that is at fault, and not the container itself."""
    text = str(fault).lower()
    return network.holder in text or "network" in text or "namespace" in text


def _address(
    facts: dict[str, Any], network: str, directory: str | None, ready: Network | None
) -> Address:
    """Where the container's proxy is reached. Raises SystemFault (behaviour 97)."""
    if directory is not None:
        return UnixAddress(socket_in(directory))
    if ready is not None:
        return TcpAddress(ready.ip, arguments.PORT)
    if network == "host":
        return TcpAddress("127.0.0.1", arguments.PORT)
    networks: dict[str, Any] = facts.get("NetworkSettings", {}).get("Networks") or {}
    joined: dict[str, Any] = networks.get(network) or next(iter(networks.values()), {})
    ip = joined.get("IPAddress") or joined.get("GlobalIPv6Address")
    if not ip:
        raise SystemFault(f"container {facts.get('Name')} has no address on network {network!r}")
    return TcpAddress(str(ip), arguments.PORT)


def _log_source(engine: Engine, container: str, path: str) -> LogSource:
    """Docker's own file where this process can read it."""
    if path and os.access(path, os.R_OK):
        return JsonFile(path)
    return EngineLog(engine, container)


def _since_ms(moment: float) -> float:
    return round((time.monotonic() - moment) * 1000, 3)
