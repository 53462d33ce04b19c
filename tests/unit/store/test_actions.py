"""Actions by revision, cached, fetched once for all who ask (behaviours 22 to 25)."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from invoker_plugin.errors import MalformedDocument, SystemFault
from invoker_plugin.store.actions import ActionNotFound, ActionStore
from invoker_plugin.store.cache import ActionCache
from invoker_plugin.store.couch import RevisionConflict, StoreFault
from invoker_plugin.wire import texts
from invoker_plugin.wire.reference import ActionReference
from tests.unit.store.fake import FakeStore

ECHO = ActionReference("guest", "echo")


def _document(revision: str = "1-a", **execution: Any) -> dict[str, Any]:
    return {
        "_id": "guest/echo",
        "_rev": revision,
        "namespace": "guest",
        "name": "echo",
        "version": "0.0.1",
        "exec": {"kind": "python:3", "code": "def main(a): ...", "binary": False, **execution},
        "limits": {"timeout": 60000, "memory": 256, "logs": 10, "concurrency": 1},
        "annotations": [],
        "parameters": [],
    }


def _store(document: dict[str, Any] | None = None) -> tuple[FakeStore, ActionStore]:
    fake = FakeStore()
    if document is not None:
        fake.documents["guest/echo"] = document
    return fake, ActionStore(fake, "whisks", ActionCache(10, 1_000_000))


async def test_revision_is_fetched_once_and_then_comes_from_memory() -> None:
    fake, actions = _store(_document())
    first = await actions.fetch(ECHO, "1-a")
    assert await actions.fetch(ECHO, "1-a") is first
    assert fake.requests == ["get guest/echo 1-a"]


async def test_without_a_revision_the_cache_is_passed_by() -> None:
    fake, actions = _store(_document())
    await actions.fetch(ECHO, None)
    await actions.fetch(ECHO, None)
    assert fake.requests == ["get guest/echo None"] * 2


async def test_many_askers_cost_one_request() -> None:
    fake, actions = _store(_document())
    fake.gate = asyncio.Event()
    askers = [asyncio.ensure_future(actions.fetch(ECHO, "1-a")) for _ in range(20)]
    await asyncio.sleep(0)
    askers[0].cancel()
    fake.gate.set()
    found = await asyncio.gather(*askers[1:])
    assert len({id(action) for action in found}) == 1
    assert len(fake.requests) == 1


async def test_newest_code_wins_over_the_revision_of_the_message() -> None:
    fake, actions = _store(_document("2-b"))
    assert (await actions.fetch(ECHO, "1-a")).revision == "2-b"
    assert (await actions.fetch(ECHO, "2-b")).revision == "2-b"
    assert len(fake.requests) == 1


async def test_conflict_over_the_revision_reads_without_it() -> None:
    fake, actions = _store(_document("2-b"))
    fake.faults = [RevisionConflict("conflict", 409)]
    assert (await actions.fetch(ECHO, "1-a")).revision == "2-b"
    assert fake.requests == ["get guest/echo 1-a", "get guest/echo None"]


async def test_deleted_action_has_the_users_text() -> None:
    _, actions = _store()
    with pytest.raises(ActionNotFound, match=texts.ACTION_REMOVED):
        await actions.fetch(ECHO, "1-a")


@pytest.mark.parametrize(
    "document",
    [
        {"_id": "guest/echo", "entityType": "trigger"},
        _document(code={"attachmentName": "s3:elsewhere", "attachmentType": "x"}),
        _document(code={"attachmentName": "mem:!!", "attachmentType": "x"}),
        _document(code={"attachmentName": "mem:/w==", "attachmentType": "text/plain"}),
        _document(code={"attachmentName": "mem:YQ==", "attachmentType": "x", "length": 7}),
    ],
)
async def test_unreadable_document_has_the_users_text(document: dict[str, Any]) -> None:
    _, actions = _store(document)
    with pytest.raises(MalformedDocument, match=texts.ACTION_MISMATCH):
        await actions.fetch(ECHO, "1-a")


async def test_failure_has_the_users_text_and_is_forgotten() -> None:
    fake, actions = _store(_document())
    fake.faults = [StoreFault("cannot be reached")]
    with pytest.raises(SystemFault, match=texts.ACTION_FETCH_ERROR):
        await actions.fetch(ECHO, "1-a")
    assert (await actions.fetch(ECHO, "1-a")).revision == "1-a"


async def test_code_of_an_attachment_is_fetched_at_the_documents_revision() -> None:
    code = {"attachmentName": "couch:1-2-3", "attachmentType": "application/octet-stream"}
    fake, actions = _store(_document("2-b", code=code, binary=True))
    fake.attachments["guest/echo", "1-2-3"] = b"PK\x00"
    action = await actions.fetch(ECHO, "2-b")
    assert action.execution.code == base64.b64encode(b"PK\x00").decode()
    assert action.execution.attachment is None
    assert fake.requests[-1] == "attachment guest/echo 1-2-3 2-b"


async def test_cache_is_bounded_by_count_and_by_bytes() -> None:
    fake, _ = _store(_document())
    actions = ActionStore(fake, "whisks", cache := ActionCache(2, 10_000))
    for number in range(3):
        fake.documents["guest/echo"] = _document(f"{number}-a")
        await actions.fetch(ECHO, f"{number}-a")
    assert len(cache) == 2
    await actions.fetch(ECHO, "2-a")
    assert (cache.hits, len(fake.requests)) == (1, 3)
    fake.documents["guest/echo"] = _document("9-a", code="x" * 20_000)
    await actions.fetch(ECHO, "9-a")
    assert len(cache) == 2
    fake.documents["guest/echo"] = _document("8-a", code="x" * 7_000)
    await actions.fetch(ECHO, "8-a")
    assert len(cache) == 1
    assert cache.bytes <= 10_000
