"""Every captured activation, fed to our flow: what it sends and stores equals the capture.

The container answers as captured; what comes out - ``/init`` and ``/run`` requests, acks, user
event, record - is compared whole but for ``VOLATILE`` and our own annotation ``swift``.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.stub import StubContainer, answered
from invoker_plugin.errors import ApplicationFault, DeveloperFault
from invoker_plugin.wire import texts
from invoker_plugin.wire.action import Action
from invoker_plugin.wire.activation import ActionReference
from tests.contract.wire import captured
from tests.unit.invoker.world import World

VOLATILE = {"start", "end", "duration", "updated", "timestamp", "_rev"}
"""Times, and the store's revision."""
VOLATILE_ANNOTATIONS = {"waitTime", "initTime", "swift"}
"""Compared by presence only; ``swift`` is ours."""
VOLATILE_EVENT = {"duration", "initTime", "waitTime"}
VOLATILE_REQUEST = {"deadline", "__OW_DEADLINE"}

REQUESTS = captured.lines("container-http.jsonl")
DOCUMENTS = dict(captured.labelled("actions.jsonl"))


def _replayable(line: dict[str, Any]) -> bool:
    """All but those whose document the capture did not keep (one deleted action), and a message
    that was captured alone (encrypted parameters: ``tests/contract/wire``)."""
    if line["topic"] != "invoker0" or str(line["case"]).startswith("encrypted"):
        return False
    action = line["value"]["action"]
    return line["case"] == "action_deleted" or f"{action['path']}/{action['name']}" in DOCUMENTS


MESSAGES = [(x["case"], x["value"]) for x in captured.lines("kafka.jsonl") if _replayable(x)]


class Cut:
    """A string of which the capture kept the beginning and the length."""

    def __init__(self, head: str, length: int) -> None:
        self.head, self.length = head, length

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other.startswith(self.head) and len(other) == self.length

    __hash__ = None  # type: ignore[assignment]


def expand(value: Any) -> Any:
    """Undo the capture's cutting of long strings (``aaa...<900000 chars>``), as far as it goes."""
    if isinstance(value, str):
        cut = re.fullmatch(r"(.+)\.\.\.<(\d+) chars>", value, re.DOTALL)
        if cut is None:
            return value
        letters, length = cut[1], int(cut[2])
        return letters[0] * length if len(set(letters)) == 1 else Cut(letters, length)
    if isinstance(value, list):
        return [expand(item) for item in value]
    if isinstance(value, dict):
        return {key: expand(item) for key, item in value.items()}
    return value


def requests_of(activation_id: str) -> dict[str, dict[str, Any]]:
    """The captured ``/init`` and ``/run`` of an activation, by path."""
    found = {}
    for row in REQUESTS:
        body = row["request_body"]
        environment = body["value"].get("env") if isinstance(body["value"], dict) else None
        owner = body.get("activation_id") or (environment or {}).get("__OW_ACTIVATION_ID")
        if owner == activation_id:
            found[row["request_line"].split()[1]] = row
    return found


class CapturedActions:
    """The captured documents.

    The code of a version that was overwritten since, and of a document attachment, is not kept.
    """

    def __init__(self, message: dict[str, Any]) -> None:
        self.message = message
        self.has_code = True

    async def fetch(self, reference: ActionReference, revision: str | None) -> Action:
        document = DOCUMENTS.get(reference.fully_qualified)
        if document is None:
            raise ApplicationFault(texts.ACTION_REMOVED)
        action = Action.parse(document)
        attachment = action.execution.attachment
        inline = attachment is None or attachment.inline is not None
        self.has_code = inline and action.version == reference.version
        if attachment is not None and attachment.inline is not None:
            action = replace(action, execution=action.execution.with_code(attachment.inline))
        return replace(action, version=reference.version or action.version)


def answer_for(case: str, rows: dict[str, dict[str, Any]], limit_ms: int) -> Any:
    """A container that answers as captured; what was no answer becomes the failure it was."""

    def answer(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
        row = rows.get(path)
        if row is None or not _is_ours(body, rows):
            return answered(200, {"ok": True} if path == "/init" else {})
        if row.get("status_line") is None:
            container.killed_by_kernel = case == "memory_limit"
            return HttpOutcome(1000, 1010, failure="reset", reason="closed without an answer")
        if row["ms"] >= limit_ms:
            return HttpOutcome(1000, 1000 + limit_ms, failure="timeout", reason="time limit")
        encoded = json.dumps(
            expand(row["response_body"]), separators=(",", ":"), ensure_ascii=False
        )
        padded = encoded.encode() + b" " * max(0, row["response_bytes"] - len(encoded.encode()))
        return answered(int(row["status_line"].split()[1]), padded)

    return answer


def _is_ours(body: dict[str, Any], rows: dict[str, dict[str, Any]]) -> bool:
    run = rows.get("/run", rows.get("/init", {}))["request_body"]
    owner = run.get("activation_id") or run["value"]["env"]["__OW_ACTIVATION_ID"]
    return owner in json.dumps(body)


def steady(value: Any, leave_out: set[str]) -> Any:
    """``value`` without the volatile fields, annotations by presence."""
    if isinstance(value, dict):
        if set(value) == {"key", "value"} and value["key"] in VOLATILE_ANNOTATIONS:
            return {"key": value["key"]}
        return {k: steady(v, leave_out) for k, v in value.items() if k not in leave_out}
    if isinstance(value, list):
        kept = [steady(item, leave_out) for item in value]
        return [item for item in kept if item != {"key": "swift"}]
    return value


def captured_of(topic: str, activation_id: str) -> list[Any]:
    """The captured messages about an activation on a topic, in order."""
    return [expand(v) for v in captured.messages(topic) if activation_id in json.dumps(v)]


async def replay(case: str, message: dict[str, Any]) -> tuple[World, CapturedActions, list[Any]]:
    rows = requests_of(message["activationId"])
    name = f"{message['action']['path']}/{message['action']['name']}"
    limit_ms = DOCUMENTS.get(name, {"limits": {"timeout": 60000}})["limits"]["timeout"]
    world = World(answer_for(case, rows, limit_ms), protocol=0)
    actions = CapturedActions(message)
    world.admission._actions = actions  # type: ignore[assignment]
    if case == "blackbox_missing":
        image = DOCUMENTS[name]["exec"]["image"]
        world.factory.failures.append(DeveloperFault(texts.image_pull_failed(image)))
    if set(rows) == {"/run"} and message["action"]["path"] != "whisk.system":
        # The capture was warm: give it a container that another activation initialised.
        await world.submit({**message, "activationId": "f" * 32})
        await world.settle()
        world.acks.clear()
        world.records.clear()
    await world.submit(message)
    await world.settle()
    sent = [r for made in world.factory.created for r in made.requests]
    return world, actions, [r for r in sent if message["activationId"] in json.dumps(r[1])]


@pytest.mark.parametrize(
    ("case", "message"), MESSAGES, ids=[f"{c}-{m['activationId'][:6]}" for c, m in MESSAGES]
)
def test_replayed(case: str, message: dict[str, Any]) -> None:
    message = expand(message)
    activation_id = message["activationId"]
    world, actions, sent = asyncio.run(replay(case, message))
    health = message["action"]["path"] == "whisk.system"
    for path, body in sent:
        row = requests_of(activation_id).get(path)
        if row is None and health:
            continue  # Ours makes a container for each health action, on purpose.
        wanted = steady(expand(row["request_body"]), VOLATILE_REQUEST)  # type: ignore[index]
        found = steady(body, VOLATILE_REQUEST)
        if path == "/init" and not actions.has_code:
            wanted["value"].pop("code")
            found["value"].pop("code")
        assert found == wanted, path
    acks = [steady(_without_topic(a), VOLATILE) for a in world.acks if _is_ack(a)]
    wanted_acks = [steady(a, VOLATILE) for a in captured_of("completed0", activation_id)]
    if case == "result_too_large":
        # The stock invoker's large result was overtaken by its completion; ours keeps the order.
        wanted_acks.reverse()
    assert acks == wanted_acks
    events = [_without_topic(a) for a in world.acks if a["topic"] == "events"]
    wanted_events = captured_of("events", activation_id)
    ignored = VOLATILE | VOLATILE_EVENT
    assert [steady(e, ignored) for e in events] == [steady(e, ignored) for e in wanted_events]
    _compare_record(world, activation_id, health)


def _compare_record(world: World, activation_id: str, health: bool) -> None:
    if health:
        return  # The stock store had none for these: its namespace is not a user's.
    (record,) = [r for r in world.records if r.activation_id == activation_id]
    document = record.to_document(0)
    wanted = expand(
        next(
            d
            for _, d in captured.labelled("activations.jsonl")
            if d["activationId"] == activation_id
        )
    )
    leave_out = VOLATILE | {"logs"}
    assert steady(document, leave_out) == steady(wanted, leave_out)
    order = [a["key"] for a in document["annotations"] if a["key"] != "swift"]
    assert order == [a["key"] for a in wanted["annotations"]]


def _is_ack(sent: dict[str, Any]) -> bool:
    return bool(sent["topic"].startswith("completed"))


def _without_topic(sent: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in sent.items() if key != "topic"}


def test_collected_lines_reach_the_record_and_not_the_ack() -> None:
    async def scenario() -> None:
        world = World(protocol=0)
        world.actions.add("hello", kind="python:3")
        lines = ("2026-11-22T15:46:42.718925065Z stdout: hello stdout",)
        world.factory.answer = _with_logs(lines)
        activation_id = await world.invoke("hello")
        await world.settle()
        assert world.record(activation_id).logs == lines
        (result, _) = [a for a in world.acks if _is_ack(a)]
        assert result["response"]["logs"] == []

    asyncio.run(scenario())


def _with_logs(lines: tuple[str, ...]) -> Any:
    def answer(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
        if path == "/run":
            container.logs[body["activation_id"]] = LogCollection(lines)
        return answered(200, {})

    return answer
