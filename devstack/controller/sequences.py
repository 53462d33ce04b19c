"""Sequences: run by the controller, one component after another; their record is its own."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devstack.controller.entities import Entities, Resolved
from devstack.controller.faults import ApiFault
from devstack.controller.identity import Identity
from devstack.controller.invocations import Invocations, ack_timeout_ms
from devstack.controller.messages import (
    Invocation,
    Transaction,
    new_activation_id,
    new_transaction,
)
from devstack.controller.names import parse_action
from devstack.controller.parameters import arguments
from devstack.controller.records import APPLICATION_ERROR, SUCCESS, WHISK_ERROR
from devstack.controller.runtimes import SEQUENCE

Json = Any
Record = Mapping[str, Json]
Response = dict[str, Json]
_DEEPEST = 50
_NO_RECORD = "The server is currently unavailable (because it is overloaded or down)."


@dataclass(frozen=True)
class SequenceRun:
    """One run of a sequence, topmost or within another."""

    action: Mapping[str, Json]
    identity: Identity
    transaction: Transaction
    activation_id: str
    payload: Json
    cause: str | None = None
    depth: int = 0


@dataclass
class _Course:
    """What happened so far."""

    response: Response
    components: list[str] = field(default_factory=list)
    duration_ms: int = 0
    memory_mb: int = 0


class Sequences:
    """Runs sequences over :class:`Invocations` and stores their records."""

    def __init__(
        self,
        entities: Entities,
        invocations: Invocations,
        store_record: Callable[[dict[str, Json]], Awaitable[None]],
        clock_ms: Callable[[], int],
    ) -> None:
        self._entities = entities
        self._invocations = invocations
        self._store_record = store_record
        self._clock_ms = clock_ms

    async def run(self, run: SequenceRun) -> Record:
        """Run to the end or to the first error, store the record, answer it."""
        start_ms = self._clock_ms()
        course = _Course({"statusCode": SUCCESS, "result": run.payload})
        for component in run.action["exec"]["components"]:
            try:
                await self._step(run, component, course)
            except ApiFault as fault:
                course.response = _error(APPLICATION_ERROR, fault.text)
            if course.response["statusCode"] != SUCCESS:
                break
        record = _record(run, course, start_ms, self._clock_ms())
        await self._store_record(
            {
                **record,
                "_id": f"{run.identity.namespace}/{run.activation_id}",
                "entityType": "activation",
                "updated": self._clock_ms(),
            }
        )
        return record

    async def _step(self, run: SequenceRun, component: str, course: _Course) -> None:
        name = parse_action(component, run.identity.namespace)
        resolved = await self._entities.resolve(name, run.identity)
        transaction = new_transaction(self._clock_ms(), run.transaction)
        given = arguments(
            resolved.parameters, resolved.action["annotations"], course.response["result"]
        )
        if resolved.action["exec"]["kind"] == SEQUENCE:
            if run.depth >= _DEEPEST:
                raise ApiFault("The sequence is nested too deeply, or contains itself.")
            inner = SequenceRun(
                resolved.action,
                run.identity,
                transaction,
                new_activation_id(),
                given.content,
                run.activation_id,
                run.depth + 1,
            )
            _note(course, await self.run(inner), resolved)
            return
        invocation = Invocation(
            action=resolved.action,
            identity=run.identity,
            arguments=given,
            transaction=transaction,
            activation_id=new_activation_id(),
            blocking=True,
            binding=resolved.binding,
            cause=run.activation_id,
        )
        flight = await self._invocations.publish(invocation)
        wait_ms = ack_timeout_ms(resolved.action["limits"]["timeout"])
        record = await self._invocations.outcome(flight, wait_ms)
        if record is None:
            course.components.append(invocation.activation_id)
            course.response = _error(WHISK_ERROR, _NO_RECORD)
            return
        _note(course, record, resolved)


def _note(course: _Course, record: Record, resolved: Resolved) -> None:
    course.components.append(record["activationId"])
    course.duration_ms += record.get("duration", record["end"] - record["start"])
    course.memory_mb = max(course.memory_mb, resolved.action["limits"]["memory"])
    course.response = dict(record["response"])


def _error(status_code: int, text: str) -> Response:
    result = {"error": text}
    return {"result": result, "size": len(json.dumps(result)), "statusCode": status_code}


def _record(run: SequenceRun, course: _Course, start_ms: int, end_ms: int) -> dict[str, Json]:
    limits = dict(run.action["limits"])
    limits["memory"] = course.memory_mb or limits["memory"]
    path = f"{run.action['namespace']}/{run.action['name']}"
    annotations = [
        {"key": "topmost", "value": True}
        if run.cause is None
        else {"key": "causedBy", "value": "sequence"},
        {"key": "path", "value": path},
        {"key": "waitTime", "value": start_ms - run.transaction.start_ms},
        {"key": "kind", "value": SEQUENCE},
        {"key": "limits", "value": limits},
    ]
    record: dict[str, Json] = {
        "activationId": run.activation_id,
        "annotations": annotations,
        "duration": course.duration_ms,
        "end": end_ms,
        "logs": course.components,
        "name": run.action["name"],
        "namespace": run.identity.namespace,
        "publish": False,
        "response": course.response,
        "start": start_ms,
        "subject": run.identity.subject,
        "version": run.action["version"],
    }
    if run.cause is not None:
        record["cause"] = run.cause
    return record
