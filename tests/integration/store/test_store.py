"""Actions, records and the list of blocked namespaces, in a real store."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import uuid
from typing import Any

import pytest

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.store.actions import ActionNotFound
from invoker_plugin.store.couch import CouchStore, DocumentMissing, StoreFault
from invoker_plugin.store.opening import open_store
from invoker_plugin.wire import jsontext
from invoker_plugin.wire.limits import ActionLimits
from invoker_plugin.wire.record import ActivationRecord, annotations_of
from invoker_plugin.wire.reference import ActionReference
from invoker_plugin.wire.response import ActivationResponse

pytestmark = pytest.mark.store

LIMITS = {"timeout": 60000, "memory": 256, "logs": 10, "concurrency": 1}


async def _put(couch: CouchStore, database: str, document: dict[str, Any]) -> str:
    """Do what a controller does: the invoker itself never writes actions."""
    headers = {"Content-Type": "application/json"}
    body = jsontext.encode(document)
    answer = await couch._request("PUT", [database, document["_id"]], body, headers)
    revision: str = jsontext.decode(answer)["rev"]
    return revision


def _action(name: str, **execution: Any) -> dict[str, Any]:
    return {
        "_id": f"guest/{name}",
        "entityType": "action",
        "namespace": "guest",
        "name": name,
        "version": "0.0.1",
        "publish": False,
        "exec": {"kind": "python:3", "binary": False, **execution},
        "limits": LIMITS,
        "annotations": [],
        "parameters": [],
        "updated": 1,
    }


@pytest.fixture
def name() -> str:
    """Return a name that no other test uses."""
    return f"test{uuid.uuid4().hex[:12]}"


async def test_action_is_read_by_revision_and_its_update_wins(
    settings: StoreSettings, name: str
) -> None:
    store = open_store(settings)
    reference = ActionReference("guest", name)
    document = _action(name, code="def main(a): return a")
    first = await _put(store.couch, settings.actions, document)
    action = await store.actions.fetch(reference, first)
    assert (action.revision, action.execution.code) == (first, "def main(a): return a")
    assert await store.actions.fetch(reference, first) is action

    document["exec"]["code"] = "def main(a): return {}"
    second = await _put(store.couch, settings.actions, {**document, "_rev": first})
    assert (await store.actions.fetch(reference, None)).revision == second
    # The cache knows the first revision; another invoker would be given the newest code.
    other = open_store(settings)
    assert (await other.actions.fetch(reference, first)).revision == second
    await store.close()
    await other.close()


async def test_code_in_attachments_is_resolved(settings: StoreSettings, name: str) -> None:
    store = open_store(settings)
    reference = ActionReference("guest", name)
    data = bytes(range(256)) * 200
    code = {"attachmentName": "couch:1-2-3", "attachmentType": "application/octet-stream"}
    revision = await _put(store.couch, settings.actions, _action(name, code=code, binary=True))
    answer = await store.couch._request(
        "PUT",
        [settings.actions, f"guest/{name}", "1-2-3"],
        data,
        {"Content-Type": "application/octet-stream"},
        {"rev": revision},
    )
    revision = jsontext.decode(answer)["rev"]
    action = await store.actions.fetch(reference, revision)
    assert action.execution.code == base64.b64encode(data).decode()

    inline = base64.b64encode("def main(a): return 'ü'".encode()).decode()
    text = {"attachmentName": f"mem:{inline}", "attachmentType": "text/plain; charset=UTF-8"}
    revision = await _put(store.couch, settings.actions, _action(f"{name}t", code=text))
    action = await store.actions.fetch(ActionReference("guest", f"{name}t"), revision)
    assert action.execution.code == "def main(a): return 'ü'"
    await store.close()


async def test_deleted_action_is_told(settings: StoreSettings, name: str) -> None:
    store = open_store(settings)
    with pytest.raises(ActionNotFound):
        await store.actions.fetch(ActionReference("guest", name), "1-" + "a" * 32)
    await store.close()


def _record(activation_id: str, result: Any) -> ActivationRecord:
    return ActivationRecord(
        namespace="guest",
        name="echo",
        subject="guest",
        activation_id=activation_id,
        version="0.0.1",
        start_ms=1_795_362_321_342,
        end_ms=1_795_362_321_355,
        duration_ms=13,
        response=ActivationResponse.success(result, 5),
        logs=("2026-11-22T15:45:21.354052469Z stdout: grüße \u2028 \U0001f600",),
        annotations=annotations_of(
            path="guest/echo",
            wait_ms=1,
            kind="python:3",
            timed_out=False,
            limits=ActionLimits.parse(LIMITS),
            swift={"start": "fork", "reason": None},
        ),
    )


async def test_records_arrive_whole_and_once(settings: StoreSettings) -> None:
    store = open_store(settings)
    await store.records.start()
    records = [_record(uuid.uuid4().hex, {"n": number, "ü": None}) for number in range(300)]
    for record in records:
        await store.records.store(record)
    await store.records.store(records[0])
    await store.records.close()
    assert (store.records.stored, store.records.lost) == (301, 0)
    for record in (records[0], records[150], records[-1]):
        stored = await store.couch.get(settings.activations, record.document_id)
        assert ActivationRecord.parse(stored) == record
        assert stored["entityType"] == "activation"
    await store.close()


async def test_list_of_blocked_namespaces_is_read(settings: StoreSettings, name: str) -> None:
    store = open_store(settings)
    limits = {"_id": f"{name}/limits", "concurrentInvocations": 0}
    await _put(store.couch, settings.subjects, limits)
    # stale=update_after answers with the view as it was, and brings it up to date afterwards.
    for _ in range(50):
        assert await store.blocked.refresh()
        if name in store.blocked:
            break
        await asyncio.sleep(0.1)
    assert name in store.blocked
    assert "guest" not in store.blocked
    await store.close()


async def test_wrong_password_and_absent_server_are_told(settings: StoreSettings) -> None:
    wrong = CouchStore(dataclasses.replace(settings, password="wrong"))
    with pytest.raises(StoreFault, match="refuses our user or password"):
        await wrong.get(settings.actions, "guest/none")
    assert not await CouchStore(dataclasses.replace(settings, port=1)).alive()
    right = CouchStore(settings)
    assert await right.alive()
    with pytest.raises(DocumentMissing):
        await right.get(settings.actions, "guest/none")
    await wrong.close()
    await right.close()
