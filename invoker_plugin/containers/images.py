"""Images: when they are pulled, and what their labels say."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from invoker_plugin.containers import image_names, labels
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.engine_errors import DockerFault, launch_fault
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.errors import DeveloperFault
from invoker_plugin.log import event
from invoker_plugin.wire import texts

_log = logging.getLogger(__name__)
SUPPORTED_PROTOCOL = 1


@dataclass(frozen=True)
class Image:
    """An image that is on this host. ``protocol`` is 0 when it carries no Swift label."""

    name: str
    id: str
    protocol: int


class Images:
    """Makes images ready for use."""

    def __init__(self, engine: Engine, settings: ContainerSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._pulls: dict[str, asyncio.Task[None]] = {}
        self._protocols: dict[str, int] = {}

    async def ready(self, image: str, managed: bool) -> Image:
        """The image, pulled first where policy says so.

        Raises DeveloperFault when a user's image can't be had, SystemFault when a runtime's can't.
        """
        settings = self._settings
        registry = settings.runtimes_registry if managed else settings.user_images_registry
        name = image_names.resolve(image, registry)
        if not managed and not image_names.is_among(image, settings.local_images):
            await self._pull_by_policy(name)
        try:
            return await self.look_up(name)
        except DockerFault as fault:
            raise launch_fault(fault, name, managed) from None

    async def look_up(self, name: str) -> Image:
        """An image that must be on this host already. Raises DockerFault (404: it is not)."""
        facts = await self._engine.image(name)
        identity = str(facts["Id"])
        if identity not in self._protocols:
            self._protocols[identity] = _protocol(facts, name)
        return Image(name, identity, self._protocols[identity])

    async def _pull_by_policy(self, name: str) -> None:
        """A floating tag must be pulled; of another a failure is tolerated (behaviour 94)."""
        try:
            await self._pull_once(name)
        except DockerFault as fault:
            event(_log, logging.WARNING, "image_pull_failed", image=name, error=str(fault))
            if image_names.is_floating(name):
                raise DeveloperFault(texts.image_pull_failed(name)) from None

    async def _pull_once(self, name: str) -> None:
        """Pull; who asks for the same image meanwhile waits for the same pull (behaviour 93)."""
        pull = self._pulls.get(name)
        if pull is None:
            pull = asyncio.create_task(self._engine.pull(name))
            self._pulls[name] = pull
            pull.add_done_callback(lambda ended: self._forget(name, ended))
        await asyncio.shield(pull)

    def _forget(self, name: str, pull: asyncio.Task[None]) -> None:
        """However it ended: a failed one may be tried again. Its error is its waiters' affair."""
        self._pulls.pop(name, None)
        if not pull.cancelled():
            pull.exception()


def _protocol(facts: dict[str, object], name: str) -> int:
    """What the image's label says; a version that we do not know counts as none."""
    config = facts.get("Config") or {}
    found = (config.get("Labels") or {}) if isinstance(config, dict) else {}
    value = str(found.get(labels.PROTOCOL, "0"))
    if value in ("0", str(SUPPORTED_PROTOCOL)):
        return int(value)
    event(_log, logging.WARNING, "image_protocol_unknown", image=name, protocol=value)
    return 0
