"""For the same invocation our controller sends the message that OpenWhisk's sent.

Equal but for the activation's id and the transaction; health tests but for the random key too.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from devstack.controller import acks
from devstack.controller.pings import parse_ping
from tests.contract.controller import captured
from tests.unit.devstack.controller.fakes import PING, Running, controller, echo

Document = dict[str, Any]
HEALTH = "health-test-action"
TO_INVOKER = captured.sent("invoker0")
INVOCATIONS = [
    line["value"]
    for line in TO_INVOKER
    if line["case"] not in (HEALTH, "encrypted_aes-128") and "cause" not in line["value"]
]
PAYLOADS = {"env": {"o": 2}}
"""What the user sent, where the action has parameters of its own."""


def _comparable(message: Document) -> Document:
    return {k: v for k, v in message.items() if k not in ("activationId", "transid")}


def _prepare(running: Running, message: Document) -> None:
    """Have the captured action stored at the version and revision that the message names."""
    running.store.subjects = {captured.KEY: "guest"}
    action = message["action"]
    identifier = f"{action['path']}/{action['name']}"
    document = captured.stored().get(identifier) or captured.stored()["guest/echo"]
    running.store.documents[running.store.whisks][identifier] = {
        **document,
        "_id": identifier,
        "namespace": action["path"],
        "name": action["name"],
        "version": action["version"],
        "_rev": message["revision"],
    }


@pytest.mark.parametrize(
    "message", INVOCATIONS, ids=[f"{line['action']['name']}" for line in INVOCATIONS]
)
def test_activation_messages(message: Document) -> None:
    name = message["action"]["name"]

    async def scenario() -> None:
        async with controller() as running:
            running.invoker_up()
            _prepare(running, message)
            payload = PAYLOADS.get(name, message["content"])
            wanted = {"timeout": "10", "blocking": str(message["blocking"]).lower()}
            status, answer = await running.ask(
                "POST", f"actions/{name}", payload, captured.KEY, **wanted
            )
            assert status == 202, answer
            (sent,) = running.bus.activations()
            assert _comparable(sent) == _comparable(message)
            assert _shape(sent["transid"]) == _shape(message["transid"])
            assert len(sent["activationId"]) == len(message["activationId"])

    asyncio.run(scenario())


def test_messages_within_a_sequence() -> None:
    messages = [line["value"] for line in TO_INVOKER if "cause" in line["value"]][:2]

    def increment_then_double(message: Document) -> list[Document]:
        answers = echo(message)
        if "content" in message:
            doubled = message["content"]["n"] * 2 if message["action"]["name"] == "dbl" else 5
            answers[0]["response"]["response"]["result"] = {"n": doubled}
        return answers

    async def scenario() -> None:
        async with controller() as running:
            running.bus.answer = increment_then_double
            running.invoker_up()
            for message in messages:
                _prepare(running, message)
            sequence = captured.stored()["guest/seq"]
            running.store.documents[running.store.whisks]["guest/seq"] = sequence
            status, answer = await running.ask(
                "POST", "actions/seq", {"n": 4}, captured.KEY, blocking="true"
            )
            assert (status, answer["response"]["result"]) == (200, {"n": 10})
            for sent, message in zip(running.bus.activations(), messages, strict=True):
                assert _comparable({**sent, "cause": message["cause"]}) == _comparable(message)
                assert sent["cause"] == answer["activationId"]
                assert _shape(sent["transid"]) == _shape(message["transid"])
            stored = running.store.documents[running.store.activations]
            _compare_sequence_record(stored[f"guest/{answer['activationId']}"])

    asyncio.run(scenario())


def _compare_sequence_record(record: Document) -> None:
    (expected,) = [found for found in captured.records().values() if found["name"] == "seq"]
    volatile = {"_id", "_rev", "activationId", "start", "end", "updated", "duration", "logs"}
    volatile |= {"response", "annotations"}
    assert {k: v for k, v in record.items() if k not in volatile} == {
        k: v for k, v in expected.items() if k not in volatile
    }
    assert record.keys() == expected.keys()
    assert len(record["logs"]) == len(expected["logs"])
    for ours, theirs in zip(record["annotations"], expected["annotations"], strict=True):
        assert ours["key"] == theirs["key"]
        assert ours["key"] == "waitTime" or ours["value"] == theirs["value"]


def test_encrypted_parameters_are_named_with_their_scheme() -> None:
    (message,) = [line["value"] for line in TO_INVOKER if line["case"] == "encrypted_aes-128"]
    stored = [
        {"key": key, "value": value, "init": key in message["initArgs"]}
        for key, value in message["content"].items()
    ]
    for pair in stored:
        if pair["key"] in message["lockedArgs"]:
            pair["encryption"] = message["lockedArgs"][pair["key"]]

    async def scenario() -> None:
        async with controller() as running:
            running.invoker_up()
            _prepare(running, message)
            document = running.store.documents[running.store.whisks]["guest/enc"]
            document["parameters"] = stored
            await running.ask("POST", "actions/enc", {}, captured.KEY, blocking="true", timeout=10)
            (sent,) = running.bus.activations()
            assert _comparable(sent) == _comparable(message)

    asyncio.run(scenario())


def test_health_test_messages() -> None:
    expected = next(line["value"] for line in TO_INVOKER if line["case"] == HEALTH)

    async def scenario() -> None:
        async with controller() as running:
            running.bus.receive("health", PING)
            while not running.bus.sent:
                await asyncio.sleep(0)
            ((topic, sent),) = running.bus.sent
            assert topic == "invoker0"
            assert sent["transid"][0] == expected["transid"][0]
            uuid = sent["user"]["namespace"]["uuid"]
            assert sent["user"]["authkey"]["api_key"].startswith(uuid + ":")
            assert _keyless(sent) == _keyless(expected)

    asyncio.run(scenario())


def _keyless(message: Document) -> Document:
    user = {**message["user"], "authkey": None}
    user["namespace"] = message["user"]["namespace"]["name"]
    return _comparable({**message, "user": user})


def _shape(transaction: list[Any]) -> list[Any]:
    """The transaction with each id replaced by its length and each time by its type."""
    identifier, start_ms, *parent = transaction
    return [len(identifier), type(start_ms), *map(_shape, parent)]


@pytest.mark.parametrize("line", captured.sent("completed0"), ids=lambda line: str(line["case"]))
def test_acks_are_told_apart(line: Document) -> None:
    value = line["value"]
    found = acks.parse(captured.json_bytes(value))
    assert found.completes == ("instance" in value)
    assert found.carries_result == ("response" in value)
    assert len(found.activation_id) == 32
    assert found.transaction_id == value["transid"][0]
    assert found.system_error == value.get("isSystemError", False)


@pytest.mark.parametrize("line", captured.sent("health"))
def test_pings_are_read(line: Document) -> None:
    found = parse_ping(captured.json_bytes(line["value"]))
    assert (found.shown_name, found.memory_mb) == ("invoker0/invoker0", 2048)
    assert found.enabled == line["value"]["isEnabled"]
