"""Makes containers with Docker, and clears them away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from invoker_plugin.containers import arguments, clean_up
from invoker_plugin.containers.background import Background
from invoker_plugin.containers.container import Container
from invoker_plugin.containers.deaths import DeathWatch
from invoker_plugin.containers.engine import Engine, Observe
from invoker_plugin.containers.engine_errors import DockerFault, launch_fault
from invoker_plugin.containers.images import Image, Images
from invoker_plugin.containers.launcher import ExitedAtOnce, Launcher, Order
from invoker_plugin.containers.networks.ready import ReadyNetworks
from invoker_plugin.containers.settings import ContainerSettings, rdma_now
from invoker_plugin.containers.socket_directories import SocketDirectories
from invoker_plugin.containers.specification import ContainerSpecification
from invoker_plugin.errors import DeveloperFault, SystemFault
from invoker_plugin.log import event
from invoker_plugin.wire import texts

_log = logging.getLogger(__name__)
_OLDEST_API = (1, 40)
_RECENT_S = 10.0
_PROBE_S = 5.0


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
        self._background = Background()
        self._launcher = Launcher(
            settings,
            self._engine,
            self._deaths,
            self._networks,
            self._directories,
            self._background,
        )

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
                self._background.later(self._directories.remove(directory))
            raise

    async def clean_up(self) -> int:
        """Remove every container of this invoker. Raises SystemFault after 30 s."""
        await self._networks.stop()
        await self._background.drain()
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
        await self._background.drain()
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
        if image.protocol and specification.rdma:
            settings, device = rdma_now(settings)
        config = arguments.create_arguments(
            specification, settings, image.name, image.protocol, directory
        )
        self._networks.begin_start()
        try:
            async with self._permits:
                order = Order(specification.name, image, directory, config, device)
                return await self._launcher.launch(order)
        except DockerFault as fault:
            raise launch_fault(fault, image.name, specification.managed) from None
        except ExitedAtOnce:
            if specification.managed:
                raise SystemFault(f"runtime image {image.name!r} exits as it starts") from None
            raise DeveloperFault(texts.ABNORMAL_INITIALIZATION) from None
        finally:
            self._networks.end_start()
