"""For the same request our controller stores the document that OpenWhisk's stored.

Equal but for ``_rev`` and ``updated``, and the random name of an attachment.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from tests.contract.controller import captured
from tests.unit.devstack.controller.fakes import Running, controller

Document = dict[str, Any]
ACTIONS = {
    identifier: document
    for identifier, document in captured.stored().items()
    if "exec" in document and document["namespace"] != "whisk.system"
}
CODE_SIZE = {"guest/zipbig": 60_413}
"""Of attachments, whose content the capture does not hold."""


def _request(document: Document) -> Document:
    """The smallest request body that asks for ``document``."""
    execution = {k: v for k, v in document["exec"].items() if k in ("kind", "main", "image")}
    if "code" in document["exec"]:
        execution["code"] = _code(document)
    if "components" in document["exec"]:
        execution["components"] = [
            component.replace("/guest/", "/_/") for component in document["exec"]["components"]
        ]
    body: Document = {"exec": execution, "limits": document["limits"]}
    body["parameters"] = [pair for pair in document["parameters"] if pair["key"] != "_actions"]
    if {"key": "provide-api-key", "value": True} in document["annotations"]:
        body["annotations"] = [{"key": "provide-api-key", "value": True}]
    return body


def _code(document: Document) -> str:
    name = document["exec"]["code"]["attachmentName"]
    if name.startswith("couch:"):
        return base64.b64encode(b"P" * CODE_SIZE[document["_id"]]).decode()
    encoded = name.removeprefix("mem:")
    return encoded if document["exec"]["binary"] else base64.b64decode(encoded).decode()


def _comparable(document: Document) -> Document:
    found = {k: v for k, v in document.items() if k not in ("_rev", "updated", "_attachments")}
    code = found.get("exec", {}).get("code")
    if isinstance(code, dict) and code["attachmentName"].startswith("couch:"):
        found["exec"] = {**found["exec"], "code": {**code, "attachmentName": "couch:"}}
    return found


async def _stored(running: Running, identifier: str) -> Document:
    found = await running.store.get(running.store.whisks, identifier)
    assert found is not None
    return found


@pytest.mark.parametrize("identifier", ACTIONS)
def test_action_documents(identifier: str) -> None:
    document = ACTIONS[identifier]

    async def scenario() -> None:
        async with controller() as running:
            path, body = f"actions/{document['name']}", _request(document)
            for _ in range(int(document["version"].rpartition(".")[2])):
                status, answer = await running.ask("PUT", path, body, overwrite="true")
                assert status == 200, answer
            stored = await _stored(running, identifier)
            assert _comparable(stored) == _comparable(document)
            # An attachment's upload makes one revision more than the document's.
            assert stored["_rev"].partition("-")[0] == document["_rev"].partition("-")[0]

    asyncio.run(scenario())


def test_package_and_an_action_in_it() -> None:
    by_id = {line["document"]["_id"]: line["document"] for line in captured.written()}

    async def scenario() -> None:
        async with controller() as running:
            parameters = {"parameters": [{"key": "p", "value": "pkgv"}]}
            await running.ask("PUT", "packages/pkg", parameters)
            body = _request(by_id["guest/pkg/inpkg"])
            await running.ask("PUT", "actions/pkg/inpkg", body)
            for identifier in ("guest/pkg", "guest/pkg/inpkg"):
                stored = await _stored(running, identifier)
                assert _comparable(stored) == _comparable(by_id[identifier])

    asyncio.run(scenario())


def test_updates_name_the_revision_that_they_replace() -> None:
    versions = [
        line["document"] for line in captured.written() if line["document"]["_id"] == "guest/echo"
    ]
    assert [document["version"] for document in versions] == ["0.0.1", "0.0.2", "0.0.3"]

    async def scenario() -> None:
        async with controller() as running:
            for document in versions:
                await running.ask("PUT", "actions/echo", _request(document), overwrite="true")
                stored = await _stored(running, "guest/echo")
                assert _comparable(stored) == _comparable(document)

    asyncio.run(scenario())


def test_large_text_is_an_attachment() -> None:
    (document,) = [
        line["document"]
        for line in captured.written()
        if line["document"]["_id"] == "guest/textbig"
    ]

    async def scenario() -> None:
        async with controller() as running:
            body = {"exec": {"kind": "python:3", "code": "#" * 40_043}}
            await running.ask("PUT", "actions/textbig", body)
            stored = await _stored(running, "guest/textbig")
            assert _comparable(stored) == _comparable(document)
            name = stored["exec"]["code"]["attachmentName"].removeprefix("couch:")
            assert len(running.store.attachments["guest/textbig", name]) == 40_043

    asyncio.run(scenario())


def test_the_health_action() -> None:
    identifier = "whisk.system/invokerHealthTestAction0"

    async def scenario() -> None:
        async with controller() as running:
            stored = await _stored(running, identifier)
            assert _comparable(stored) == _comparable(captured.stored()[identifier])

    asyncio.run(scenario())
