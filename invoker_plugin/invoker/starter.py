"""Makes containers and initialises them: cold starts and stem cells."""

from __future__ import annotations

import logging
import time

from invoker_plugin.containers import labels
from invoker_plugin.containers.interface import AnyContainerFactory
from invoker_plugin.containers.names import ContainerNames
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.specification import ContainerSpecification
from invoker_plugin.errors import InvokerError
from invoker_plugin.invoker import answer, bodies
from invoker_plugin.invoker.activation import Activation, Interval
from invoker_plugin.invoker.clock import since_ms, wall_ms
from invoker_plugin.invoker.handle import Handle, StartFailure
from invoker_plugin.invoker.runtimes import Runtimes
from invoker_plugin.log import event
from invoker_plugin.pool.events import ContainerFailed, ContainerReady, PrewarmReady
from invoker_plugin.wire import jsontext

logger = logging.getLogger(__name__)


class Starter:
    """Carries out the pool's ``StartCold``, ``StartPrewarm`` and ``InitPrewarmed``."""

    def __init__(
        self,
        factory: AnyContainerFactory,
        names: ContainerNames,
        runtimes: Runtimes,
        result_limit_bytes: int,
    ) -> None:
        self._factory = factory
        self._names = names
        self._runtimes = runtimes
        self._result_limit_bytes = result_limit_bytes

    async def cold(
        self, handle: Handle, activation: Activation, slots: int
    ) -> ContainerReady | ContainerFailed:
        """Make a container for the activation and initialise it."""
        handle.initialised_by = activation.message.activation_id
        if not await self._create(handle, self._specification(activation, slots)):
            return ContainerFailed(handle.number)
        return await self.initialise(handle, activation, slots)

    async def stem_cell(
        self, handle: Handle, kind: str, memory_mb: int
    ) -> PrewarmReady | ContainerFailed:
        """Make a stem cell of the kind."""
        image = self._runtimes.image_of_kind(kind)
        if image is None:
            return ContainerFailed(handle.number)
        specification = ContainerSpecification(
            name=self._names.prewarm(kind),
            image=image,
            kind=kind,
            memory_mb=memory_mb,
            labels=labels.identity("stem"),
        )
        made = await self._create(handle, specification)
        return PrewarmReady(handle.number) if made else ContainerFailed(handle.number)

    async def initialise(
        self, handle: Handle, activation: Activation, slots: int
    ) -> ContainerReady | ContainerFailed:
        """Send ``/init``; ``slots`` is 0 where no forks are wanted or known of."""
        assert handle.container is not None
        handle.initialised_by = activation.message.activation_id
        handle.swift = slots > 0 and handle.container.protocol > 0
        swift = bodies.init_swift(activation, slots) if handle.swift else None
        limit_ms = activation.action.limits.timeout_ms
        body = bodies.init_body(activation, wall_ms() + limit_ms, swift)
        begun_ns = time.monotonic_ns()
        outcome = await handle.container.init(body, limit_ms)
        handle.init_ms = since_ms(begun_ns)
        handle.init = Interval(outcome.start_ms, outcome.end_ms)
        if outcome.status != 200 or answer.timed_out(outcome, limit_ms):
            handle.failure = await self._init_failure(handle, activation, outcome)
            return ContainerFailed(handle.number)
        return self._ready(handle, outcome)

    def _ready(self, handle: Handle, outcome: HttpOutcome) -> ContainerReady:
        """Read from the answer what the runtime can do; it is never assumed."""
        if not handle.swift:
            return ContainerReady(handle.number)
        try:
            offered = jsontext.decode(outcome.body).get("swift", {})
            forkable, slots = bool(offered["forkable"]), int(offered["slots"])
            reason = offered.get("reason") or ""
            handle.rdma = offered.get("rdma")
        except (ValueError, AttributeError, KeyError, TypeError):
            forkable, slots, reason = (
                False,
                0,
                "the runtime's answer to /init says nothing of forks",
            )
        if not forkable:
            handle.swift = False
            event(
                logger, logging.WARNING, "not-forkable", container=self._id(handle), reason=reason
            )
            return ContainerReady(handle.number, 0, reason)
        return ContainerReady(handle.number, slots)

    async def _create(self, handle: Handle, specification: ContainerSpecification) -> bool:
        begun_ns = time.monotonic_ns()
        try:
            handle.container = await self._factory.create(specification)
        except InvokerError as fault:
            event(
                logger,
                logging.ERROR,
                "container-not-created",
                container_name=specification.name,
                image=specification.image,
                error=str(fault),
            )
            handle.failure = StartFailure(answer.fault_response(fault))
            return False
        handle.container_ms = since_ms(begun_ns)
        self._runtimes.learn(specification.image, handle.container.protocol)
        event(
            logger,
            logging.INFO,
            "container-created",
            container_name=specification.name,
            container=handle.container.id[:12],
            container_ms=handle.container_ms,
        )
        return True

    async def _init_failure(
        self, handle: Handle, activation: Activation, outcome: HttpOutcome
    ) -> StartFailure:
        assert handle.container is not None
        limit_ms = activation.action.limits.timeout_ms
        timed_out = answer.timed_out(outcome, limit_ms)
        out_of_memory = answer.worker_out_of_memory(outcome)
        if outcome.status is None and not timed_out:
            out_of_memory = await handle.container.out_of_memory()
        response = answer.init_response(outcome, limit_ms, self._result_limit_bytes, out_of_memory)
        event(
            logger,
            logging.WARNING,
            "container-not-initialised",
            **activation.ids,
            container=self._id(handle),
            error=str(response.result)[:200],
        )
        return StartFailure(response, timed_out, outcome)

    def _specification(self, activation: Activation, slots: int) -> ContainerSpecification:
        message, memory_mb = activation.message, activation.job.memory_mb
        namespace = message.user.namespace.name
        return ContainerSpecification(
            name=self._names.action(namespace, activation.action.name),
            image=activation.image,
            kind=activation.action.execution.kind,
            # The runtime holds each worker to its own share; this bounds all of them together.
            memory_mb=memory_mb * (1 + slots),
            managed=activation.managed,
            labels=labels.identity(
                "template" if slots else "action",
                namespace,
                message.action.fully_qualified,
                activation.action.revision,
            ),
            rdma=activation.action.annotations.get("rdma") is not False,
        )

    @staticmethod
    def _id(handle: Handle) -> str | None:
        return handle.container.id[:12] if handle.container else None
