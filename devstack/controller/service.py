"""The controller put together: started, told when to stop, stopped in order."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from devstack.controller import NOTICE, acks, kafka, pings, rest
from devstack.controller.actions import ActionForge, health_action
from devstack.controller.configuration import Configuration
from devstack.controller.entities import Entities
from devstack.controller.identity import Authenticator
from devstack.controller.invocations import Invocations, Record
from devstack.controller.kafka import Bus, Received
from devstack.controller.rest_actions import ActionRoutes
from devstack.controller.rest_activations import ActivationRoutes
from devstack.controller.rest_invocations import InvocationRoutes
from devstack.controller.rest_packages import PackageRoutes
from devstack.controller.rest_status import StatusRoutes
from devstack.controller.runtimes import Runtimes
from devstack.controller.sequences import Sequences
from devstack.controller.store import Store
from devstack.controller.supervision import Supervision, Transition

logger = logging.getLogger(__name__)
_BASE = "/api/v1"
_TICK_SECONDS = 0.5
_SHUTDOWN_SECONDS = 5.0


class Service:
    """One running controller."""

    def __init__(
        self, configuration: Configuration, store: Store | None = None, bus: Bus | None = None
    ) -> None:
        self._configuration = configuration
        self._runtimes = Runtimes(configuration.runtimes)
        self._store = store or Store(configuration.store)
        self._bus = bus or Bus(configuration.kafka.hosts, configuration.kafka.topic_prefix)
        self._entities = Entities(self._store)
        self._supervision = Supervision(
            lambda instance: self._invocations.test(instance),
            _log_transition,
            configuration.ping_timeout_ms,
        )
        self._invocations = Invocations(
            self._bus,
            self._supervision,
            self._find_record,
            configuration.controller_id,
            rest.now_ms,
        )
        self._runner: web.AppRunner | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Connect, write the health action, serve; answers the port that it listens on.

        Raises :class:`kafka.BusFault`, :class:`faults.Unavailable`, :class:`OSError` (port taken).
        """
        logger.warning(NOTICE)
        await self._store.open()
        await self._write_health_action()
        completed = f"completed{self._configuration.controller_id}"
        await self._bus.start({completed: kafka.ACK_TOPIC, "health": kafka.PLAIN_TOPIC})
        await self._bus.tail(completed, self._on_ack)
        await self._bus.tail("health", self._on_ping)
        self._ticking = asyncio.get_running_loop().create_task(self._tick())
        return await self._serve()

    async def stop(self) -> None:
        """Stop serving first, then what serving needs."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._ticking is not None:
            self._ticking.cancel()
        await self._bus.close()
        await self._store.close()

    async def _serve(self) -> int:
        settings = self._configuration
        application = web.Application(
            middlewares=[rest.answer_faults],
            # Code comes as base64 in JSON; the limits themselves are checked where they apply.
            client_max_size=settings.limits.code_bytes * 2,
        )
        for routes in self._routes():
            routes.add_to(application.router, _BASE)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, settings.host, settings.port).start()
        port: int = self._runner.addresses[0][1]
        logger.info("listening on http://%s:%d", settings.host, port)
        return port

    def _routes(
        self,
    ) -> list[ActionRoutes | ActivationRoutes | InvocationRoutes | PackageRoutes | StatusRoutes]:
        limits = self._configuration.limits
        known = Authenticator(self._store)
        sequences = Sequences(
            self._entities, self._invocations, self._store.store_activation, rest.now_ms
        )
        return [
            StatusRoutes(known, self._supervision, self._invocations, self._runtimes, limits),
            ActionRoutes(known, self._entities, ActionForge(self._runtimes, limits)),
            InvocationRoutes(known, self._entities, self._invocations, sequences, limits),
            PackageRoutes(known, self._entities),
            ActivationRoutes(known, self._store),
        ]

    async def _write_health_action(self) -> None:
        controller_id = self._configuration.controller_id
        document = health_action(controller_id, self._runtimes, rest.now_ms())
        if document is None:
            logger.error("the runtimes manifest has no default nodejs: no invoker will become up")
            return
        old = await self._entities.find(document["_id"])
        if old is None:
            await self._entities.save(document)
        elif old["exec"] != document["exec"]:
            await self._entities.save({**document, "_rev": old["_rev"]})

    async def _find_record(self, namespace: str, activation_id: str) -> Record | None:
        return await self._store.get(self._store.activations, f"{namespace}/{activation_id}")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._supervision.tick()

    def _on_ack(self, received: Received) -> None:
        try:
            self._invocations.acknowledged(acks.parse(received.value))
        except acks.MalformedAck as error:
            logger.error("malformed acknowledgement ignored: %s", error)

    def _on_ping(self, received: Received) -> None:
        try:
            self._supervision.pinged(pings.parse_ping(received.value))
        except pings.MalformedPing as error:
            logger.error("malformed ping ignored: %s", error)


def _log_transition(transition: Transition) -> None:
    logger.warning(
        "invoker %s: %s -> %s (%s)",
        transition.invoker,
        "unknown" if transition.before is None else transition.before.value,
        transition.after.value,
        transition.reason,
    )
