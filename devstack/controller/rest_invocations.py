"""``POST /namespaces/{ns}/actions/...``: invoke, and wait for the result if asked to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from devstack.controller import records, rest
from devstack.controller.entities import Entities, Resolved
from devstack.controller.faults import ApiFault, BadRequest
from devstack.controller.identity import Authenticator, Identity
from devstack.controller.invocations import Invocations
from devstack.controller.limits import Limits
from devstack.controller.messages import Invocation, new_activation_id
from devstack.controller.parameters import arguments
from devstack.controller.rest_actions import action_name
from devstack.controller.runtimes import SEQUENCE
from devstack.controller.sequences import SequenceRun, Sequences

Json = Any
Record = Mapping[str, Json]
logger = logging.getLogger(__name__)


class InvocationRoutes:
    """The handler that invokes."""

    def __init__(
        self,
        authenticator: Authenticator,
        entities: Entities,
        invocations: Invocations,
        sequences: Sequences,
        limits: Limits,
    ) -> None:
        self._authenticator = authenticator
        self._entities = entities
        self._invocations = invocations
        self._sequences = sequences
        self._limits = limits
        self._running: set[asyncio.Task[Record]] = set()

    def add_to(self, router: web.UrlDispatcher, base: str) -> None:
        """Add the routes below ``base``."""
        collection = base + "/namespaces/{namespace}/actions"
        for path in ("/{name}", "/{package}/{name}"):
            router.add_post(collection + path, self.post)

    async def post(self, request: web.Request) -> web.Response:
        """Invoke; ``blocking``, ``result`` and ``timeout`` (ms) say what is waited for."""
        identity = await rest.identify(request, self._authenticator)
        blocking = rest.flag(request, "blocking")
        wait_ms = self._wait_ms(request)
        payload = await rest.payload_of(request, self._limits.payload_bytes)
        name = action_name(request, rest.namespace_of(request, identity))
        resolved = await self._entities.resolve(name, identity)
        activation_id, record = new_activation_id(), None
        if resolved.action["exec"]["kind"] == SEQUENCE:
            task = self._begin_sequence(identity, resolved, payload, activation_id)
            if blocking:
                finished, _ = await asyncio.wait({task}, timeout=wait_ms / 1000)
                record = task.result() if finished else None
        else:
            invocation = Invocation(
                action=resolved.action,
                identity=identity,
                arguments=arguments(resolved.parameters, resolved.action["annotations"], payload),
                transaction=rest.transaction(),
                activation_id=activation_id,
                blocking=blocking,
                binding=resolved.binding,
            )
            flight = await self._invocations.publish(invocation)
            if blocking:
                record = await self._invocations.outcome(flight, wait_ms)
        return _answer(activation_id, record, rest.flag(request, "result"))

    def _begin_sequence(
        self,
        identity: Identity,
        resolved: Resolved,
        payload: Json,
        activation_id: str,
    ) -> asyncio.Task[Record]:
        given = payload
        if isinstance(payload, dict):
            own = [pair for pair in resolved.parameters if pair["key"] != "_actions"]
            given = arguments(own, resolved.action["annotations"], payload).content
        run = SequenceRun(resolved.action, identity, rest.transaction(), activation_id, given)
        task = asyncio.get_running_loop().create_task(self._sequences.run(run))
        self._running.add(task)
        task.add_done_callback(self._sequence_ended)
        return task

    def _sequence_ended(self, task: asyncio.Task[Record]) -> None:
        self._running.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            text = failure.text if isinstance(failure, ApiFault) else repr(failure)
            logger.error("a sequence failed: %s", text)

    def _wait_ms(self, request: web.Request) -> int:
        longest = self._limits.blocking_wait_ms
        wait_ms = rest.number(request, "timeout", longest)
        if not 0 < wait_ms <= longest:
            raise BadRequest(f"Timeout must be number of milliseconds up to {longest}.")
        return wait_ms


def _answer(activation_id: str, record: Record | None, result_only: bool) -> web.Response:
    header = {"x-openwhisk-activation-id": activation_id}
    if record is None:
        return rest.answer({"activationId": activation_id}, 202, **header)
    body = record["response"].get("result") if result_only else records.shown(record)
    return rest.answer(body, records.http_status(record), **header)
