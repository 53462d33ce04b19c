"""Records go out in batches, and no failure comes back (behaviours 125 to 128)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.store.couch import StoreFault
from invoker_plugin.store.records import RecordWriter
from invoker_plugin.wire.record import ActivationRecord
from invoker_plugin.wire.response import ActivationResponse
from tests.unit.store.fake import FakeStore, until


@pytest.fixture(autouse=True, scope="module")
def _short_pauses() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("invoker_plugin.store.records.LEAST_PAUSE_S", 0.001)
        yield


def _record(number: int, result: Any = None) -> ActivationRecord:
    return ActivationRecord(
        namespace="guest",
        name="echo",
        subject="guest",
        activation_id=f"{number:032x}",
        version="0.0.1",
        start_ms=1,
        end_ms=2,
        duration_ms=1,
        response=ActivationResponse.success(result or {}),
    )


def _key(number: int) -> str:
    return _record(number).document_id


async def _writer(fake: FakeStore, **settings: Any) -> RecordWriter:
    writer = RecordWriter(fake, "activations", StoreSettings(linger_ms=1, **settings))
    await writer.start()
    return writer


async def test_record_is_stored_as_a_document() -> None:
    fake = FakeStore()
    writer = await _writer(fake)
    await writer.store(_record(1, {"x": 1}))
    await writer.close()
    document = fake.documents[_key(1)]
    assert document["entityType"] == "activation"
    assert document["response"] == {"statusCode": 0, "result": {"x": 1}}
    assert (writer.stored, writer.lost, writer.queued, writer.queued_bytes) == (1, 0, 0, 0)


async def test_many_go_out_in_few_writes_of_bounded_size() -> None:
    fake = FakeStore()
    writer = await _writer(fake, batch_records=10)
    for number in range(35):
        await writer.store(_record(number))
    await writer.close()
    assert [len(keys) for keys in fake.writes] == [10, 10, 10, 5]
    assert fake.writes[0] == [_key(number) for number in range(10)]


async def test_write_is_bounded_by_bytes_but_never_empty() -> None:
    fake = FakeStore()
    writer = await _writer(fake, batch_bytes=2_000)
    for number in range(4):
        await writer.store(_record(number, {"x": "y" * 1_500}))
    await writer.store(_record(9, {"x": "y" * 5_000}))
    await writer.close()
    assert [len(keys) for keys in fake.writes] == [1, 1, 1, 1, 1]


async def test_records_wait_while_the_store_is_away() -> None:
    fake = FakeStore()
    fake.faults = [StoreFault("cannot be reached") for _ in range(8)]
    writer = await _writer(fake)
    await writer.store(_record(1))
    await until(lambda: not fake.faults)
    await writer.store(_record(2))
    await until(lambda: writer.stored == 2)
    assert writer.lost == 0
    await writer.close()


async def test_full_queue_makes_its_callers_wait() -> None:
    fake = FakeStore()
    fake.gate = asyncio.Event()
    writer = await _writer(fake, queued_records=2)
    await writer.store(_record(1))
    await writer.store(_record(2))
    third = asyncio.ensure_future(writer.store(_record(3)))
    await until(lambda: bool(fake.requests))
    assert not third.done()
    assert writer.queued == 2
    fake.gate.set()
    await third
    await writer.close()
    assert len(fake.documents) == 3


async def test_lost_answer_stores_nothing_twice_and_loses_nothing() -> None:
    fake = FakeStore()
    fake.documents[_key(1)] = {}
    fake.faults = [StoreFault("the answer was lost")]
    writer = await _writer(fake)
    await writer.store(_record(1))
    await writer.close()
    assert (writer.stored, writer.lost) == (1, 0)


async def test_failure_of_one_record_is_tried_again_and_harms_no_other() -> None:
    fake = FakeStore()
    fake.answers[_key(1)] = [{"id": _key(1), "error": "timeout", "reason": "busy"}]
    forbidden = {"id": _key(2), "error": "forbidden", "reason": "not you"}
    fake.answers[_key(2)] = [dict(forbidden) for _ in range(3)]
    writer = await _writer(fake)
    for number in range(4):
        await writer.store(_record(number))
    await writer.close()
    assert sorted(fake.documents) == [_key(0), _key(1), _key(3)]
    assert (writer.stored, writer.lost) == (3, 1)


async def test_record_that_spoils_a_whole_write_is_found_and_given_up() -> None:
    fake = FakeStore()
    fake.refused = {_key(5)}
    writer = await _writer(fake)
    for number in range(12):
        await writer.store(_record(number))
    await writer.close()
    assert len(fake.documents) == 11
    assert (writer.stored, writer.lost) == (11, 1)


async def test_end_waits_no_longer_than_told_for_an_absent_store() -> None:
    fake = FakeStore()
    fake.gate = asyncio.Event()
    writer = await _writer(fake, flush_limit_ms=20)
    await writer.store(_record(1))
    await writer.close()
    assert (writer.stored, writer.lost) == (0, 1)


async def test_record_that_is_no_json_is_given_up_at_once() -> None:
    fake = FakeStore()
    writer = await _writer(fake)
    await writer.store(_record(1, {"x": float("nan")}))
    await writer.store(_record(2))
    await writer.close()
    assert list(fake.documents) == [_key(2)]
    assert writer.lost == 1
