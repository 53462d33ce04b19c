"""The pool of ready networks: each is used by one container, once, and then thrown away.

Used again it would have to be cleansed of what the last one left: half-closed connections, routes,
with ``NET_ADMIN`` anything. A new one is made in the background instead, when no container is.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from invoker_plugin.containers.deaths import DeathWatch
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.engine_errors import DockerFault
from invoker_plugin.containers.networks import joining, pause_image
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.log import event

_log = logging.getLogger(__name__)
_LEAST_PAUSE_S = 1.0
_MOST_PAUSE_S = 60.0
_QUIET_LIMIT_S = 2.0
"""A burst of starts that lasts longer than this no longer keeps networks from being made."""


@dataclass(frozen=True)
class Network:
    """A network that is there: ``holder`` is the id of the container that keeps it."""

    holder: str
    ip: str


class ReadyNetworks:
    """Keeps ``settings.ready_networks`` of them; none when that is 0."""

    def __init__(self, engine: Engine, deaths: DeathWatch, settings: ContainerSettings) -> None:
        self._engine = engine
        self._deaths = deaths
        self._settings = settings
        self._ready: deque[Network] = deque()
        self._used: dict[str, str | None] = {}
        """Holders that were taken, each with the container that joined it, once that is known."""
        self._filling: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._wanted = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._starting = 0
        self._counts: Counter[str] = Counter()
        self._trouble = ""
        self._stopped = False
        deaths.on_exit(self._exited)

    def start(self) -> None:
        """Begin to make them, in the background; what is in the way is said in the log."""
        self._stopped = False
        if self._settings.ready_networks > 0 and self._filling is None:
            self._wanted.set()
            self._filling = asyncio.get_running_loop().create_task(self._fill())

    async def stop(self) -> None:
        """Make no more, and finish what is under way; the ready ones are for who cleans up."""
        self._stopped = True
        filling, self._filling = self._filling, None
        if filling is not None:
            filling.cancel()
            await asyncio.wait({filling})
        while self._background:
            await asyncio.wait(set(self._background))
        self._ready.clear()

    def figures(self) -> dict[str, Any]:
        """How many are ready and in use, how many starts joined one, and why others did not."""
        return {
            "wanted": self._settings.ready_networks,
            "ready": len(self._ready),
            "used": len(self._used),
            "joined": self._counts["joined"],
            "not_joined": {
                reason: count for reason, count in self._counts.items() if reason != "joined"
            },
            "trouble": self._trouble or None,
        }

    # -- for a start --------------------------------------------------------------------------

    def begin_start(self) -> None:
        """A container is being made; making networks waits for it."""
        self._starting += 1
        self._quiet.clear()

    def end_start(self) -> None:
        """It was made, or not."""
        self._starting -= 1
        if self._starting == 0:
            self._quiet.set()

    def take(self, config: joining.Config, container_name: str) -> Network | None:
        """One for a container of these create arguments; ``None``: start it the ordinary way."""
        if self._settings.ready_networks <= 0:
            return None
        reason = joining.objection(config, self._settings)
        if reason is None and not self._ready:
            reason = "none was ready"
        self._wanted.set()
        if reason is not None:
            self.not_joined(container_name, reason)
            return None
        network = self._ready.popleft()
        self._used[network.holder] = None
        return network

    def joined(self, network: Network, container: str) -> None:
        """The container runs in it: if the network's holder dies, so must the container."""
        self._counts["joined"] += 1
        if network.holder in self._used:
            self._used[network.holder] = container
        else:
            # The holder died in between.
            self._deaths.hear({"id": container, "Action": "die"})

    def not_joined(self, container_name: str, reason: str) -> None:
        """A container starts the ordinary way although networks are kept ready."""
        self._counts[reason.partition(":")[0]] += 1
        event(
            _log, logging.INFO, "ready_network_not_used", container_name=container_name, why=reason
        )

    def discard(self, network: Network) -> None:
        """Throw it away in the background; its container is gone, or never was."""
        self._used.pop(network.holder, None)
        self._later(self._remove(network.holder))

    # -- making them --------------------------------------------------------------------------

    async def _fill(self) -> None:
        failures = 0
        image: str | None = None
        # Asked each time, because a cancellation can be lost in asyncio.wait_for (CPython 86296).
        while not self._stopped:
            if len(self._ready) >= self._settings.ready_networks:
                self._wanted.clear()
                await self._wanted.wait()
                continue
            await self._quiet_moment()
            try:
                image = image or await self._prepare()
                if image is None:
                    return
                # Shielded: what is begun is finished, so that no holder is left that nobody knows.
                await asyncio.shield(self._later(self._make(image)))
                failures = 0
            except DockerFault as fault:
                failures += 1
                image = None
                pause_s = min(_LEAST_PAUSE_S * 2 ** (failures - 1), _MOST_PAUSE_S)
                self._told(str(fault), failures, pause_s)
                await asyncio.sleep(pause_s)

    async def _prepare(self) -> str | None:
        """The holders' image; ``None`` where networks cannot be made ahead at all."""
        network = joining.common(self._settings)["NetworkMode"]
        architecture = str((await self._engine.version()).get("Arch", ""))
        if architecture not in pause_image.ARCHITECTURES:
            self._impossible(f"no program for {architecture or 'this processor'}")
            return None
        if network in ("host", "none") or network.startswith("container:"):
            self._impossible(f"containers' network is {network!r}")
            return None
        driver = (await self._engine.network(network)).get("Driver")
        if driver != "bridge":
            self._impossible(f"network {network!r} is no bridge but {driver}")
            return None
        return await pause_image.ensure(self._engine)

    def _impossible(self, why: str) -> None:
        self._trouble = why
        event(_log, logging.WARNING, "ready_networks_off", why=why)

    async def _make(self, image: str) -> None:
        """One more. Raises DockerFault; leaves nothing behind then."""
        config = joining.holder(self._settings, image)
        name = f"{self._settings.name_prefix}{joining.ROLE}_{secrets.token_hex(6)}"
        holder = await self._engine.create(name, config)
        self._deaths.follow(holder)
        try:
            await self._engine.start(holder)
            facts = await self._engine.inspect(holder)
            networks = facts.get("NetworkSettings", {}).get("Networks") or {}
            ip = next((one.get("IPAddress") for one in networks.values()), None)
            if not ip or not facts.get("State", {}).get("Running"):
                raise DockerFault(f"holder of a network has address {ip!r}, or does not run")
        except DockerFault:
            await self._remove(holder)
            raise
        self._ready.append(Network(holder, str(ip)))
        self._trouble = ""

    def _told(self, why: str, failures: int, pause_s: float) -> None:
        self._trouble = why
        level = logging.WARNING if failures in (1, 10) or failures % 100 == 0 else logging.DEBUG
        event(
            _log,
            level,
            "ready_network_failed",
            error=why,
            failures=failures,
            pause_ms=round(pause_s * 1000),
        )

    async def _quiet_moment(self) -> None:
        try:
            await asyncio.wait_for(self._quiet.wait(), _QUIET_LIMIT_S)
        except asyncio.TimeoutError:
            return

    # -- their ends ---------------------------------------------------------------------------

    def _exited(self, identity: str) -> None:
        """A holder ended by itself, and its network with it."""
        if self._stopped:
            return
        spoilt = next((one for one in self._ready if one.holder == identity), None)
        if spoilt is not None:
            self._ready.remove(spoilt)
            self._wanted.set()
        elif identity in self._used:
            container = self._used.pop(identity)
            if container is not None:
                self._deaths.hear({"id": container, "Action": "die"})
        else:
            return
        event(_log, logging.WARNING, "ready_network_lost", container=identity[:12])
        self._later(self._remove(identity))

    async def _remove(self, holder: str) -> None:
        self._deaths.forget(holder)
        try:
            await self._engine.remove(holder)
        except DockerFault as fault:
            event(
                _log,
                logging.ERROR,
                "ready_network_left",
                container=holder[:12],
                error=str(fault),
            )

    def _later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # Whoever waited for it was told; after a stop nobody does.
