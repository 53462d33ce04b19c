"""Invocation over the API: messages sent, acks awaited, statuses answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.devstack.controller.fakes import (
    OTHER,
    PING,
    Running,
    completion,
    controller,
    echo,
    record,
)

ACTION = {"exec": {"kind": "python:3", "code": "def main(a): return a"}}


async def _action(running: Running, name: str = "act", **body: Any) -> None:
    status, answer = await running.ask("PUT", f"actions/{name}", {**ACTION, **body})
    assert status == 200, answer


def test_without_invokers_it_says_so() -> None:
    async def scenario() -> None:
        async with controller() as running:
            await _action(running)
            status, answer = await running.ask("POST", "actions/act", {})
            assert status == 503
            assert "No invokers available" in answer["error"]
            assert answer["code"]

    asyncio.run(scenario())


def test_blocking_answers_the_record_and_its_id() -> None:
    async def scenario() -> None:
        async with controller() as running:
            running.bus.answer = echo
            running.invoker_up()
            await _action(running, parameters=[{"key": "d", "value": 1}])
            status, answer = await running.ask("POST", "actions/act", {"x": 2}, blocking="true")
            assert status == 200
            assert answer["response"] == {
                "result": {"d": 1, "x": 2},
                "size": 2,
                "status": "success",
                "success": True,
            }
            assert running.headers["x-openwhisk-activation-id"] == answer["activationId"]
            (message,) = running.bus.activations()
            assert message["blocking"] is True
            assert message["activationId"] == answer["activationId"]

    asyncio.run(scenario())


def test_result_only_and_array_bare() -> None:
    async def scenario() -> None:
        async with controller() as running:
            running.bus.answer = echo
            running.invoker_up()
            await _action(running)
            wanted = {"blocking": "true", "result": "true"}
            assert await running.ask("POST", "actions/act", [1, {"b": 2}], **wanted) == (
                200,
                [1, {"b": 2}],
            )
            assert len(running.headers["x-openwhisk-activation-id"]) == 32

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status_code", "http_status", "words"),
    [
        (1, 502, "application error"),
        (2, 502, "action developer error"),
        (3, 500, "whisk internal error"),
    ],
)
def test_errors_have_their_status(status_code: int, http_status: int, words: str) -> None:
    def fail(message: dict[str, Any]) -> list[dict[str, Any]]:
        if "content" not in message:
            return echo(message)
        failed = record(message, {"error": "x"}, status_code)
        return [{"response": failed, "transid": message["transid"], "instance": PING["name"]}]

    async def scenario() -> None:
        async with controller() as running:
            running.bus.answer = fail
            running.invoker_up()
            await _action(running)
            status, answer = await running.ask("POST", "actions/act", {}, blocking="true")
            assert status == http_status
            assert answer["response"]["status"] == words
            status, answer = await running.ask(
                "POST", "actions/act", {}, blocking="true", result="true"
            )
            assert (status, answer) == (http_status, {"error": "x"})

    asyncio.run(scenario())


def test_non_blocking_and_too_slow_answer_202() -> None:
    async def scenario() -> None:
        async with controller() as running:
            running.invoker_up()
            await _action(running)
            status, answer = await running.ask("POST", "actions/act", {})
            assert (status, list(answer)) == (202, ["activationId"])
            status, answer = await running.ask(
                "POST", "actions/act", {}, blocking="true", timeout=30
            )
            assert (status, list(answer)) == (202, ["activationId"])
            assert running.headers["x-openwhisk-activation-id"] == answer["activationId"]

    asyncio.run(scenario())


def test_a_result_too_large_for_kafka_is_read_from_the_store() -> None:
    async def scenario() -> None:
        async with controller() as running:

            def shrunk(message: dict[str, Any]) -> list[dict[str, Any]]:
                if "content" not in message:
                    return echo(message)
                stored = {**record(message, {"big": True}), "_id": "x", "entityType": "activation"}
                identifier = f"guest/{message['activationId']}"
                running.store.documents[running.store.activations][identifier] = stored
                only_id = {"response": message["activationId"], "transid": message["transid"]}
                return [only_id, completion(message["activationId"])]

            running.bus.answer = shrunk
            running.invoker_up()
            await _action(running)
            status, answer = await running.ask("POST", "actions/act", {}, blocking="true")
            assert status == 200
            assert answer["response"]["result"] == {"big": True}
            assert "_id" not in answer

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("query", "body", "status", "text"),
    [
        ({"blocking": "perhaps"}, {}, 400, "'blocking' must be true or false"),
        ({"timeout": "60001"}, {}, 400, "Timeout must be number of milliseconds up to 60000."),
        ({"timeout": "0"}, {}, 400, "Timeout must be number of milliseconds up to 60000."),
        ({}, "text", 400, "the arguments must be a JSON object or array"),
        ({}, {"p": "x" * 1_048_576}, 413, "Request larger than allowed: 1048585 > 1048576 bytes."),
    ],
)
def test_bad_requests(query: dict[str, str], body: Any, status: int, text: str) -> None:
    async def scenario() -> None:
        async with controller() as running:
            running.invoker_up()
            await _action(running)
            found, answer = await running.ask("POST", "actions/act", body, **query)
            assert (found, text in answer["error"]) == (status, True), answer
            assert not running.bus.activations()

    asyncio.run(scenario())


def test_kafka_away_is_503_and_frees_the_slot() -> None:
    async def scenario() -> None:
        async with controller() as running:
            running.invoker_up()
            await _action(running)
            running.bus.failing = True
            status, _ = await running.ask("POST", "actions/act", {})
            assert status == 503
            assert (await running.ask("GET", "/"))[1]["in_flight"] == 0

    asyncio.run(scenario())


def test_init_and_final_parameters() -> None:
    async def scenario() -> None:
        async with controller() as running:
            running.invoker_up()
            await _action(
                running,
                parameters=[
                    {"key": "INITP", "value": "iv", "init": True},
                    {"key": "fixed", "value": 1},
                    {"key": "open", "value": None},
                ],
                annotations=[{"key": "final", "value": True}],
            )
            status, _ = await running.ask("POST", "actions/act", {"open": 2})
            assert status == 202
            (message,) = running.bus.activations()
            assert message["initArgs"] == ["INITP"]
            assert message["content"] == {"INITP": "iv", "fixed": 1, "open": 2}
            status, answer = await running.ask("POST", "actions/act", {"fixed": 2})
            assert status == 400
            assert "not allowed" in answer["error"]

    asyncio.run(scenario())


def test_through_a_binding_parameters_merge_and_the_message_names_it() -> None:
    async def scenario() -> None:
        async with controller() as running:
            running.invoker_up()
            shared = {"publish": True, "parameters": [{"key": "p", "value": 1}]}
            await running.ask("PUT", "packages/shared", shared, key=OTHER)
            await running.ask("PUT", "actions/shared/act", ACTION, key=OTHER)
            bound = {
                "binding": {"namespace": "other", "name": "shared"},
                "parameters": [{"key": "q", "value": 2}],
            }
            assert (await running.ask("PUT", "packages/mine", bound))[0] == 200
            assert (await running.ask("POST", "actions/mine/act", {"r": 3}))[0] == 202
            (message,) = running.bus.activations()
            assert message["action"] == {
                "path": "other/shared",
                "name": "act",
                "version": "0.0.1",
                "binding": "guest/mine",
            }
            assert message["content"] == {"p": 1, "q": 2, "r": 3}
            assert message["user"]["namespace"]["name"] == "guest"

    asyncio.run(scenario())


def test_a_sequence_runs_its_components_in_order() -> None:
    def increment(message: dict[str, Any]) -> list[dict[str, Any]]:
        if "content" not in message:
            return echo(message)
        made = record(message, {"n": message["content"]["n"] + 1})
        return [{"response": made, "transid": message["transid"], "instance": PING["name"]}]

    async def scenario() -> None:
        async with controller() as running:
            running.bus.answer = increment
            running.invoker_up()
            await _action(running, "one")
            components = ["/_/one", "/_/one"]
            body = {"exec": {"kind": "sequence", "components": components}}
            assert (await running.ask("PUT", "actions/seq", body))[0] == 200
            status, answer = await running.ask("POST", "actions/seq", {"n": 4}, blocking="true")
            assert status == 200
            assert answer["response"]["result"] == {"n": 6}
            first, second = running.bus.activations()
            assert answer["logs"] == [first["activationId"], second["activationId"]]
            assert first["cause"] == second["cause"] == answer["activationId"]
            assert first["transid"][2] == second["transid"][2]
            assert (await running.ask("GET", f"activations/{answer['activationId']}"))[0] == 200

    asyncio.run(scenario())


def test_a_sequence_ends_with_the_first_error() -> None:
    def fail(message: dict[str, Any]) -> list[dict[str, Any]]:
        if "content" not in message:
            return echo(message)
        made = record(message, {"error": "stop"}, 1)
        return [{"response": made, "transid": message["transid"], "instance": PING["name"]}]

    async def scenario() -> None:
        async with controller() as running:
            running.bus.answer = fail
            running.invoker_up()
            await _action(running, "one")
            body = {"exec": {"kind": "sequence", "components": ["/_/one", "/_/gone"]}}
            await running.ask("PUT", "actions/seq", body)
            status, answer = await running.ask("POST", "actions/seq", {}, blocking="true")
            assert status == 502
            assert answer["response"]["result"] == {"error": "stop"}
            assert len(running.bus.activations()) == 1

    asyncio.run(scenario())
