"""Creates and starts one container with Docker, and leaves nothing of it where that fails."""

from __future__ import annotations

import logging
import os
import re
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from invoker_plugin.containers import arguments
from invoker_plugin.containers.background import Background
from invoker_plugin.containers.container import Container, Traits
from invoker_plugin.containers.deaths import DeathWatch
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.engine_errors import DockerFault
from invoker_plugin.containers.http_client import ContainerClient
from invoker_plugin.containers.http_connection import Address, TcpAddress, UnixAddress
from invoker_plugin.containers.images import Image
from invoker_plugin.containers.log_sources import EngineLog, JsonFile, LogSource
from invoker_plugin.containers.networks import joining
from invoker_plugin.containers.networks.ready import Network, ReadyNetworks
from invoker_plugin.containers.rdma_devices import RdmaDevice
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.containers.socket_directories import SocketDirectories, socket_in
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event

_log = logging.getLogger(__name__)
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")


class ExitedAtOnce(Exception):
    """The container's process ended before anything was asked of it."""


class _NetworkLost(Exception):
    """A network that was made ahead could not be joined; nothing of the attempt is left."""


@dataclass(frozen=True)
class Order:
    """One container to be made, with all that was found out for it."""

    name: str
    image: Image
    directory: str | None
    """Where its socket will be; None for an ordinary image."""
    config: dict[str, Any]
    """For Docker's Engine API."""
    device: RdmaDevice | None


class Launcher:
    """Makes what is ordered, one attempt each."""

    def __init__(
        self,
        settings: ContainerSettings,
        engine: Engine,
        deaths: DeathWatch,
        networks: ReadyNetworks,
        directories: SocketDirectories | None,
        background: Background,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._deaths = deaths
        self._networks = networks
        self._directories = directories
        self._background = background

    async def launch(self, order: Order) -> Container:
        """Create and start it, in a network that is ready where there is one for it.

        Raises DockerFault, :class:`ExitedAtOnce` or SystemFault; nothing of the attempt is left.
        """
        network = self._networks.take(order.config, order.name)
        if network is not None:
            try:
                return await self._made(order, network)
            except _NetworkLost as lost:
                self._networks.not_joined(order.name, f"could not be joined: {lost}")
        return await self._made(order, None)

    async def _made(self, order: Order, network: Network | None) -> Container:
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
            raise ExitedAtOnce
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
        self._background.later(self._remove_broken(identity, name))

    async def _remove_broken(self, identity: str, name: str) -> None:
        try:
            await self._engine.remove(identity)
        except DockerFault as fault:
            event(
                _log, logging.ERROR, "broken_container_left", container_name=name, error=str(fault)
            )


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
