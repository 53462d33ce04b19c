"""The npm client ``openwhisk`` drives the controller, over real Kafka and a real store."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.controller.conftest import Controller
from tests.integration.controller.invoker import FakeInvoker

pytestmark = [pytest.mark.kafka, pytest.mark.store]
TEXT = "def main(a): return a"


def test_the_npm_client_works(
    controller: Controller, invoker: FakeInvoker, client: Callable[[str], dict[str, Any]]
) -> None:
    seen = client("drive.js")
    _documents(seen)
    _invocations(seen)
    _activations(seen)
    _packages(seen)
    assert seen["namespaces"]["value"] == [controller.namespace]
    namespace = seen["namespace"]["value"]
    assert {kind: len(found) for kind, found in namespace.items()} == {
        "actions": 5,
        "packages": 1,
        "triggers": 0,
        "rules": 0,
    }
    names = {action["name"] for action in seen["actions"]["value"]}
    assert names == {"echo", "zip", "fail", "act", "seq"}
    assert [action["name"] for action in seen["deleted"]["value"]] == [
        "echo",
        "zip",
        "fail",
        "act",
        "seq",
    ]
    assert seen["left"]["value"] == {"actions": 0}
    assert seen["stranger"]["status"] == 401


def _documents(seen: dict[str, Any]) -> None:
    assert seen["created"]["value"]["exec"] == {"kind": "python:3", "binary": False, "code": TEXT}
    assert seen["again"]["status"] == 409
    updated = seen["updated"]["value"]
    assert updated["version"] == "0.0.2"
    assert updated["limits"]["memory"] == 128
    assert {"key": "note", "value": "x"} in updated["annotations"]
    zipped = seen["zipGot"]["value"]["exec"]
    assert zipped["binary"] is True
    assert base64.b64decode(zipped["code"]) == bytes([7]) * 60_000
    assert "code" not in seen["got"]["value"]["exec"]
    assert seen["missing"]["status"] == 404


def _invocations(seen: dict[str, Any]) -> None:
    blocking = seen["blocking"]["value"]
    assert blocking["response"] == {
        "result": {"d": 1, "x": 2},
        "size": 2,
        "status": "success",
        "success": True,
    }
    assert seen["result"]["value"] == {"d": 1, "x": 3}
    assert seen["failed"]["status"] == 502
    assert seen["failed"]["error"]["response"]["result"] == {"error": "as told"}
    assert seen["fromPackage"]["value"] == {"p": "pv"}
    assert seen["sequenceResult"]["value"] == {"d": 1, "s": 1}


def _activations(seen: dict[str, Any]) -> None:
    record = seen["record"]["value"]
    assert record["activationId"] == seen["started"]["value"]["activationId"]
    assert seen["activationResult"]["value"] == record["response"]
    assert seen["logs"]["value"] == {"logs": record["logs"]}
    listed = seen["activations"]["value"]
    assert listed[0] == record
    assert [found["name"] for found in listed] == ["echo", "echo"]
    assert seen["activationCount"]["value"]["activations"] >= 4


def _packages(seen: dict[str, Any]) -> None:
    assert seen["packaged"]["value"]["parameters"] == [{"key": "p", "value": "pv"}]
    assert [action["name"] for action in seen["package"]["value"]["actions"]] == ["act"]
    assert seen["packageDeleted"]["value"]["name"] == "pkg"
