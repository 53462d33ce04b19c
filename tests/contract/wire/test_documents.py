"""Every captured document parses; records re-serialise to the same JSON value."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from invoker_plugin.errors import MalformedDocument
from invoker_plugin.wire.action import Action
from invoker_plugin.wire.limits import ActionLimits
from invoker_plugin.wire.record import ActivationRecord, annotations_of, fallback_annotations
from tests.contract.wire.captured import json_value, labelled, lines

_RECORDS = [pytest.param(document, id=key) for key, document in labelled("activations.jsonl")]
_ACTIONS = [
    pytest.param(document, id=key)
    for key, document in labelled("actions.jsonl")
    if document["entityType"] == "action"
]
# Sequences are written by the controller, which adds annotations of its own.
_OURS = [param for param in _RECORDS if "topmost" not in str(param.values[0]["annotations"])]


@pytest.mark.parametrize("document", _RECORDS)
def test_record_returns_unchanged(document: dict[str, Any]) -> None:
    stored = ActivationRecord.parse(document).to_document(document["updated"])
    assert json_value({**stored, "_rev": document["_rev"]}) == document


@pytest.mark.parametrize("document", _OURS)
def test_annotations_are_built_in_the_captured_order(document: dict[str, Any]) -> None:
    record = ActivationRecord.parse(document)
    captured = dict(record.annotations)
    if captured["kind"] == "unknown":
        assert record.annotations == fallback_annotations(str(captured["path"]))
        return
    built = annotations_of(
        path=str(captured["path"]),
        wait_ms=captured["waitTime"],
        kind=str(captured["kind"]),
        timed_out=captured["timeout"],
        limits=ActionLimits.parse(captured["limits"]),
        init_ms=captured.get("initTime"),
        caused_by_sequence=record.cause is not None,
    )
    assert built == record.annotations


@pytest.mark.parametrize("document", _ACTIONS)
def test_action_is_read_whole(document: dict[str, Any]) -> None:
    action = Action.parse(document)
    assert (action.namespace, action.name) == (document["namespace"], document["name"])
    assert (action.version, action.revision) == (document["version"], document["_rev"])
    assert action.limits.to_json() == document["limits"]
    assert [{"key": key, "value": value} for key, value in action.annotations.items()] == document[
        "annotations"
    ]
    assert action.execution.kind == document["exec"]["kind"]
    assert action.execution.image == document["exec"].get("image")
    assert action.execution.executable == (document["exec"]["kind"] != "sequence")


def test_package_is_no_action() -> None:
    (package,) = [
        document for _, document in labelled("actions.jsonl") if document["entityType"] == "package"
    ]
    with pytest.raises(MalformedDocument, match="it is a package, not an action"):
        Action.parse(package)


def _initialisations() -> list[Any]:
    """Return the captured /init bodies with their documents, where that version was kept."""
    documents = dict(labelled("actions.jsonl"))
    found = []
    for line in lines("container-http.jsonl"):
        if not line["request_line"].startswith("POST /init"):
            continue
        sent = line["request_body"]["value"]
        document = documents.get(sent["env"]["__OW_ACTION_NAME"].removeprefix("/"))
        if document and document["version"] == sent["env"]["__OW_ACTION_VERSION"]:
            found.append(pytest.param(sent, document, id=sent["name"]))
    return found


@pytest.mark.parametrize(("sent", "document"), _initialisations())
def test_code_is_what_the_stock_invoker_sent(
    sent: dict[str, Any], document: dict[str, Any]
) -> None:
    execution = Action.parse(document).execution
    assert (execution.entry_point, execution.binary) == (sent["main"], sent["binary"])
    if execution.attachment is None:
        assert execution.code == sent["code"]
        return
    inline = execution.attachment.inline
    if inline is None:
        assert execution.attachment.document_attachment in document["_attachments"]
    else:
        assert execution.with_code(inline).code == sent["code"]


def test_binary_code_is_base64_of_the_bytes() -> None:
    document = dict(labelled("actions.jsonl"))["guest/zipsmall"]
    execution = Action.parse(document).execution
    assert execution.attachment is not None
    inline = execution.attachment.inline
    assert inline is not None
    assert inline.startswith(b"PK")
    assert base64.b64decode(execution.with_code(inline).code or "") == inline
