"""Invokers over real Kafka: their states, their acks, results that Kafka could not carry."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.controller.conftest import Controller
from tests.integration.controller.invoker import FakeInvoker
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store]
ACTION = {"exec": {"kind": "python:3", "code": "def main(a): return a"}}


@pytest.fixture
def up(controller: Controller, invoker: FakeInvoker) -> Iterator[Controller]:
    invoker.pinging = invoker.enabled = invoker.healthy = True
    controller.await_state("up")
    for name in ("echo", "large", "silent"):
        status, _, _ = controller.ask("PUT", f"actions/{name}?overwrite=true", ACTION)
        assert status == 200
    yield controller
    invoker.pinging = invoker.enabled = invoker.healthy = True


def test_disabled_it_is_down_at_once_and_must_prove_itself(
    up: Controller, invoker: FakeInvoker
) -> None:
    tests = _health_tests(invoker)
    invoker.healthy = False
    invoker.enabled = False
    up.await_state("down")
    assert up.ask("POST", "actions/echo", {})[0] == 503
    invoker.enabled = True
    up.await_state("unhealthy")
    eventually(lambda: _health_tests(invoker) > tests, "another health test", 30)
    assert up.ask("GET", "/invokers/ready")[0] == 500
    invoker.healthy = True
    invoker.enabled = False
    up.await_state("down")
    invoker.enabled = True
    up.await_state("up")


def test_silent_it_is_down(up: Controller, invoker: FakeInvoker) -> None:
    invoker.pinging = False
    up.await_state("down")
    invoker.pinging = True
    up.await_state("up")
    assert "no ping for" in up.log.read_text()


def test_the_message_that_arrives(up: Controller, invoker: FakeInvoker) -> None:
    status, answer, headers = up.ask("POST", "actions/echo?blocking=true", {"a": [1, None, "ü"]})
    assert status == 200
    activation_id = answer["activationId"]
    assert headers["x-openwhisk-activation-id"] == activation_id
    (message,) = [item for item in invoker.received if item["activationId"] == activation_id]
    document = up.ask("GET", "actions/echo")[1]
    assert message["action"]["version"] == document["version"]
    assert message["content"] == {"a": [1, None, "ü"]}
    assert message["user"]["authkey"]["api_key"] == up.key
    assert message["user"]["limits"] == {"concurrentInvocations": 99}


def test_a_large_result_comes_from_the_store(up: Controller) -> None:
    status, answer, _ = up.ask("POST", "actions/large?blocking=true&result=true", {"x": 1})
    assert (status, answer) == (200, {"x": 1})


def test_too_slow_for_the_caller(up: Controller) -> None:
    status, answer, headers = up.ask("POST", "actions/silent?blocking=true&timeout=200", {})
    assert status == 202
    assert answer == {"activationId": headers["x-openwhisk-activation-id"]}


def test_a_burst(up: Controller) -> None:
    def invoke(number: int) -> Any:
        return up.ask("POST", "actions/echo?blocking=true&result=true", {"n": number})[1]

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(invoke, range(64)))
    assert results == [{"n": number} for number in range(64)]


def test_lists_page_through_the_real_views(up: Controller) -> None:
    ids = [up.ask("POST", "actions/echo?blocking=true", {})[1]["activationId"] for _ in range(3)]

    def listed(query: str) -> list[dict[str, Any]]:
        status, answer, _ = up.ask("GET", f"activations?{query}")
        assert status == 200, answer
        return list(answer)

    eventually(
        lambda: {item["activationId"] for item in listed("name=echo&limit=3")} == set(ids),
        "all listed",
        30,
    )
    newest = listed("name=echo&limit=3")
    assert [item["start"] for item in newest] == sorted(
        (item["start"] for item in newest), reverse=True
    )
    assert listed("name=echo&limit=1&skip=1") == newest[1:2]
    middle = newest[1]["start"]
    assert all(item["start"] >= middle for item in listed(f"since={middle}"))
    assert all(item["start"] <= middle for item in listed(f"upto={middle}"))
    assert not listed("name=nosuch")


def _health_tests(invoker: FakeInvoker) -> int:
    return sum(message["transid"][0] == "sid_invokerHealth" for message in invoker.received)
