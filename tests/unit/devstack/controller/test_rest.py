"""Documents over the API: who may, what is answered, what is refused."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from tests.unit.devstack.controller.fakes import GUEST, OTHER, controller, record

CODE = "def main(a): return a"
ACTION = {"exec": {"kind": "python:default", "code": CODE}}


def test_it_says_that_it_is_for_development() -> None:
    async def scenario() -> None:
        async with controller() as running:
            _, answer = await running.ask("GET", "/", key=None)
            assert "development controller" in answer["notice"]
            assert answer["api_paths"] == ["/api/v1"]
            assert answer["runtimes"]["python"][0]["kind"] == "python:3"

    asyncio.run(scenario())


@pytest.mark.parametrize("key", [None, "nobody:nothing", GUEST + "x", GUEST.replace(":", "")])
def test_without_a_good_key_401(key: str | None) -> None:
    async def scenario() -> None:
        async with controller() as running:
            for path in ("actions", "packages", "activations", "/api/v1/namespaces"):
                status, answer = await running.ask("GET", path, key=key)
                assert status == 401
                assert set(answer) == {"code", "error"}

    asyncio.run(scenario())


def test_another_namespace_is_forbidden() -> None:
    async def scenario() -> None:
        async with controller() as running:
            await running.ask("PUT", "actions/act", ACTION)
            base = "/api/v1/namespaces/guest"
            for method, path in (
                ("GET", "/actions"),
                ("GET", "/actions/act"),
                ("PUT", "/actions/new"),
                ("DELETE", "/actions/act"),
                ("POST", "/actions/act"),
                ("PUT", "/packages/new"),
                ("GET", "/activations"),
                ("GET", f"/activations/{'0' * 32}"),
            ):
                status, _ = await running.ask(method, base + path, ACTION, key=OTHER)
                assert status == 403, (method, path)

    asyncio.run(scenario())


def test_life_of_an_action() -> None:
    async def scenario() -> None:
        async with controller() as running:
            status, made = await running.ask("PUT", "actions/act", ACTION)
            assert (status, made["version"]) == (200, "0.0.1")
            assert made["exec"] == {"kind": "python:3", "binary": False, "code": CODE}
            assert (await running.ask("PUT", "actions/act", ACTION))[0] == 409
            # As wsk sends it: what was not given on its command line may be null.
            change = {
                "limits": {"memory": 128, "timeout": None},
                "parameters": [{"key": "a", "value": 1}],
                "annotations": None,
            }
            status, changed = await running.ask("PUT", "actions/act", change, overwrite="true")
            assert (status, changed["version"]) == (200, "0.0.2")
            assert changed["limits"] == {
                "concurrency": 1,
                "logs": 10,
                "memory": 128,
                "timeout": 60000,
            }
            _, shown = await running.ask("GET", "actions/act")
            assert shown["exec"]["code"] == CODE
            assert not {"_id", "_rev", "entityType"} & shown.keys()
            _, shown = await running.ask("GET", "actions/act", code="false")
            assert "code" not in shown["exec"]
            assert (await running.ask("GET", "actions", count="true"))[1] == {"actions": 1}
            assert (await running.ask("DELETE", "actions/act"))[0] == 200
            assert (await running.ask("GET", "actions/act"))[0] == 404
            assert (await running.ask("DELETE", "actions/act"))[0] == 404

    asyncio.run(scenario())


def test_large_code_is_attached_and_survives_an_update_without_code() -> None:
    code = "#" * 40_000

    async def scenario() -> None:
        async with controller() as running:
            body = {"exec": {"kind": "python:3", "code": code}}
            assert (await running.ask("PUT", "actions/big", body))[0] == 200
            stored = running.store.documents[running.store.whisks]["guest/big"]
            name = stored["exec"]["code"]["attachmentName"]
            assert name.startswith("couch:")
            assert stored["_rev"].startswith("2-")
            await running.ask("PUT", "actions/big", {"publish": True}, overwrite="true")
            assert (await running.ask("GET", "actions/big"))[1]["exec"]["code"] == code

    asyncio.run(scenario())


def test_zip_comes_back_as_base64() -> None:
    content = base64.b64encode(b"PK\x03\x04" + bytes(range(256))).decode()

    async def scenario() -> None:
        async with controller() as running:
            body = {"exec": {"kind": "python:3", "code": content}}  # as the npm client: no `binary`
            await running.ask("PUT", "actions/zip", body)
            _, shown = await running.ask("GET", "actions/zip")
            assert shown["exec"] == {"kind": "python:3", "binary": True, "code": content}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "exec undefined"),
        ([], 400, "the body must be a JSON object"),
        ({"exec": {"kind": "cobol:1", "code": "x"}}, 400, "kind 'cobol:1' not in Set(blackbox,"),
        ({"exec": {"kind": "python:2", "code": "x"}}, 400, "'python:2' is deprecated"),
        ({"exec": {"kind": "python:3"}}, 400, "'code' must be a string"),
        ({"exec": {"kind": "python:3", "code": "%", "binary": True}}, 400, "is not base64"),
        ({"exec": {"kind": "blackbox"}}, 400, "'image' must be a string"),
        ({"exec": {"kind": "sequence", "components": []}}, 400, "No component specified"),
        ({**ACTION, "limits": {"memory": 64}}, 400, "memory 64 MB below allowed threshold of 128"),
        ({**ACTION, "limits": {"timeout": 300001}}, 400, "timeout 300001 milliseconds exceeds"),
        ({**ACTION, "limits": {"logs": "10"}}, 400, "logs must be an integer"),
        ({**ACTION, "limits": {"speed": 1}}, 400, "unknown limit 'speed'"),
        ({**ACTION, "parameters": {"a": 1}}, 400, "parameters: must be a list"),
        ({**ACTION, "annotations": [{"value": 1}]}, 400, "annotations: every entry needs a key"),
        ({**ACTION, "version": "1"}, 400, "version: must be like 1.2.3"),
        ({"exec": {"kind": "python:3", "code": "x" * 2001}}, 413, "Action code larger than"),
    ],
)
def test_refused_actions(body: Any, status: int, text: str) -> None:
    async def scenario() -> None:
        async with controller(limits={"code_bytes": 2000}) as running:
            found, answer = await running.ask("PUT", "actions/act", body)
            assert (found, text in answer["error"]) == (status, True), answer
            assert "guest/act" not in running.store.documents[running.store.whisks]

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["%20x", "a%2Fb", "-x", "x" * 257])
def test_refused_names(name: str) -> None:
    async def scenario() -> None:
        async with controller() as running:
            url = f"{running.url}/api/v1/namespaces/_/actions/{name}"
            encoded = base64.b64encode(GUEST.encode()).decode()
            async with running.session.put(
                url, json=ACTION, headers={"Authorization": f"Basic {encoded}"}
            ) as response:
                assert response.status in (400, 404)

    asyncio.run(scenario())


def test_packages() -> None:
    async def scenario() -> None:
        async with controller() as running:
            assert (await running.ask("PUT", "actions/pkg/act", ACTION))[0] == 404
            body = {"parameters": [{"key": "p", "value": 1}]}
            status, made = await running.ask("PUT", "packages/pkg", body)
            assert (status, made["binding"], made["actions"]) == (200, {}, [])
            assert (await running.ask("PUT", "actions/pkg/act", ACTION))[0] == 200
            _, shown = await running.ask("GET", "actions/pkg/act")
            assert shown["parameters"] == [{"key": "p", "value": 1}]
            assert shown["namespace"] == "guest/pkg"
            _, shown = await running.ask("GET", "packages/pkg")
            assert [action["name"] for action in shown["actions"]] == ["act"]
            assert (await running.ask("GET", "actions/pkg"))[0] == 409
            assert (await running.ask("GET", "actions/pkg/"))[1][0]["name"] == "act"
            assert (await running.ask("DELETE", "packages/pkg"))[0] == 409
            assert (await running.ask("DELETE", "packages/pkg", force="true"))[0] == 200
            assert not (await running.ask("GET", "actions"))[1]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("binding", "status"),
    [
        ({"namespace": "other", "name": "private"}, 403),
        ({"namespace": "guest", "name": "none"}, 400),
        ({"namespace": "guest"}, 400),
    ],
)
def test_refused_bindings(binding: dict[str, str], status: int) -> None:
    async def scenario() -> None:
        async with controller() as running:
            await running.ask("PUT", "packages/private", {}, key=OTHER)
            found, _ = await running.ask("PUT", "packages/mine", {"binding": binding})
            assert found == status

    asyncio.run(scenario())


def test_activations_list_get_result_logs() -> None:
    async def scenario() -> None:
        async with controller() as running:
            message = {
                "activationId": "ab" * 16,
                "action": {"name": "act"},
                "user": {"namespace": {"name": "guest"}},
            }
            stored = {**record(message, {"error": 1}, 1), "logs": ["a line"], "_id": "x"}
            identifier = f"guest/{'ab' * 16}"
            running.store.documents[running.store.activations][identifier] = stored
            path = f"activations/{'ab' * 16}"
            _, shown = await running.ask("GET", path)
            assert shown["response"]["status"] == "application error"
            assert (await running.ask("GET", path + "/logs"))[1] == {"logs": ["a line"]}
            assert (await running.ask("GET", path + "/result"))[1] == shown["response"]
            assert (await running.ask("GET", "activations", docs="true"))[1] == [shown]
            assert (await running.ask("GET", "activations", count="true"))[1] == {"activations": 1}
            assert (await running.ask("GET", "activations", name="act"))[0] == 200
            for query in ({"limit": 201}, {"limit": -1}, {"since": "x"}, {"name": "a/b/c/d"}):
                assert (await running.ask("GET", "activations", **query))[0] == 400
            assert (await running.ask("GET", "activations/short"))[0] == 400
            assert (await running.ask("GET", f"activations/{'0' * 32}"))[0] == 404

    asyncio.run(scenario())


def test_triggers_and_rules_are_none_and_unknown_paths_404() -> None:
    async def scenario() -> None:
        async with controller() as running:
            assert await running.ask("GET", "triggers") == (200, [])
            assert await running.ask("GET", "rules") == (200, [])
            status, answer = await running.ask("GET", "/api/v1/nonsense")
            assert (status, set(answer)) == (404, {"code", "error"})
            assert (await running.ask("PATCH", "actions"))[0] == 405

    asyncio.run(scenario())


def test_invokers_states_over_the_api() -> None:
    async def scenario() -> None:
        async with controller() as running:
            assert (await running.ask("GET", "/invokers/ready"))[0] == 500
            running.invoker_up()
            assert await running.ask("GET", "/invokers") == (200, {"invoker0/invoker0": "up"})
            assert await running.ask("GET", "/invokers/healthy/count") == (200, 1)
            assert await running.ask("GET", "/invokers/ready") == (200, {"healthy": "1/1"})
            for rubbish in (b"\xff", b"[]", b'{"name": {}}', b"null"):
                running.bus.receive("health", rubbish)
                running.bus.receive("completed0", rubbish)
            assert await running.ask("GET", "/invokers/healthy/count") == (200, 1)

    asyncio.run(scenario())


def test_the_health_action_is_written_at_start() -> None:
    async def scenario() -> None:
        async with controller(controller_id="7") as running:
            stored = running.store.documents[running.store.whisks]
            document = stored["whisk.system/invokerHealthTestAction7"]
            assert document["exec"]["kind"] == "nodejs:20"

    asyncio.run(scenario())
