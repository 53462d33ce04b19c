"""What was acknowledged is never lost: the writer with a disk (docs/reliability.md)."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.store.couch import StoreFault
from invoker_plugin.store.records import RecordWriter
from invoker_plugin.store.spool import Spool
from invoker_plugin.store.spool.segment import Segment
from tests.unit.store.fake import FakeStore, until
from tests.unit.store.test_records import _key, _record


@pytest.fixture(autouse=True, scope="module")
def _short_pauses() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("invoker_plugin.store.records.LEAST_PAUSE_S", 0.001)
        patch.setattr("invoker_plugin.store.records.MOST_PAUSE_S", 0.01)
        yield


async def _writer(
    fake: FakeStore, directory: Path, bounds: tuple[int, int] = (10**8, 10**6), **settings: Any
) -> RecordWriter:
    spool = Spool(directory, *bounds, sync=False)
    writer = RecordWriter(fake, "activations", StoreSettings(linger_ms=1, **settings), spool)
    await writer.start()
    return writer


async def _crash(writer: RecordWriter) -> None:
    """The process is killed: its task and its files end, nothing else happens."""
    assert writer._task is not None
    writer._task.cancel()
    await asyncio.wait({writer._task})
    spool = writer._keeping.spool
    assert spool is not None
    for segment in spool._segments:
        segment.close()
    spool._home.close()


def _away() -> FakeStore:
    fake = FakeStore()
    fake.gate = asyncio.Event()
    return fake


async def test_killed_with_the_store_away_nothing_is_lost_and_order_is_kept(
    tmp_path: Path,
) -> None:
    first = await _writer(_away(), tmp_path)
    for number in range(30):
        await first.store(_record(number))
    await _crash(first)

    fake = FakeStore()
    second = await _writer(fake, tmp_path, batch_records=7)
    await second.store(_record(30))
    await second.close()
    assert [key for keys in fake.writes for key in keys] == [_key(n) for n in range(31)]
    assert (second.stored, second.lost) == (31, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


async def test_stored_before_the_crash_they_are_not_stored_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeStore()
    first = await _writer(fake, tmp_path)
    for number in range(5):
        await first.store(_record(number))
    await until(lambda: first.stored == 5)
    await _crash(first)
    second = await _writer(fake, tmp_path)
    await second.close()
    assert len(fake.documents) == 5
    assert (second.stored, second.lost) == (5, 0)
    # Each is a conflict, which is what was expected.
    assert "record-exists-already" not in caplog.text


async def test_memory_is_bounded_and_the_rest_waits_on_disk(tmp_path: Path) -> None:
    fake = _away()
    writer = await _writer(fake, tmp_path, queued_records=10, batch_records=4)
    for number in range(100):
        await asyncio.wait_for(writer.store(_record(number)), 10)
    assert writer.queued == 10
    figures = writer.figures()
    assert (figures.waiting, figures.dropped, figures.disk_failing) == (100, 0, False)
    assert figures.disk_bytes > figures.memory_bytes > 0
    assert figures.oldest_ms >= 0
    assert fake.gate is not None
    fake.gate.set()
    await until(lambda: writer.stored == 100)
    assert [key for keys in fake.writes for key in keys] == [_key(n) for n in range(100)]
    assert writer.figures().waiting == 0
    await writer.close()


async def test_store_with_errors_gets_all_in_order_in_the_end(tmp_path: Path) -> None:
    fake = FakeStore()
    fake.faults = [StoreFault("the store answered 503: busy", 503) for _ in range(20)]
    writer = await _writer(fake, tmp_path, queued_records=3, batch_records=2)
    for number in range(12):
        await writer.store(_record(number))
    await until(lambda: writer.stored == 12)
    assert [key for keys in fake.writes for key in keys] == [_key(n) for n in range(12)]
    await writer.close()


async def test_full_disk_bound_makes_activations_wait_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake = _away()
    writer = await _writer(fake, tmp_path, (10**8, 5), queued_records=2)
    for number in range(5):
        await writer.store(_record(number))
    more = [asyncio.ensure_future(writer.store(_record(n))) for n in range(5, 8)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in more)
    assert caplog.text.count("spool-full") == 1
    assert fake.gate is not None
    fake.gate.set()
    await asyncio.wait_for(asyncio.gather(*more), 10)
    await writer.close()
    assert sorted(fake.documents) == sorted(_key(n) for n in range(8))


async def test_full_disk_means_acks_wait_for_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake = _away()
    writer = await _writer(fake, tmp_path)
    real = Segment.append

    def full(self: Segment, line: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Segment, "append", full)
    waiting = [asyncio.ensure_future(writer.store(_record(n))) for n in range(3)]
    await until(lambda: writer.queued == 3)
    assert not any(one.done() for one in waiting)
    assert writer.figures().disk_failing
    assert caplog.text.count("spool-unwritable") == 1
    assert fake.gate is not None
    fake.gate.set()
    await asyncio.wait_for(asyncio.gather(*waiting), 10)
    assert sorted(fake.documents) == [_key(n) for n in range(3)]

    monkeypatch.setattr(Segment, "append", real)
    await writer.store(_record(3))
    assert not writer.figures().disk_failing
    await writer.close()
    assert (writer.stored, writer.lost) == (4, 0)


async def test_end_with_the_store_away_leaves_the_records_on_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = await _writer(_away(), tmp_path, flush_limit_ms=20)
    await writer.store(_record(1))
    await writer.close()
    assert (writer.stored, writer.lost) == (0, 0)
    assert "records-left-on-disk" in caplog.text
    fake = FakeStore()
    second = await _writer(fake, tmp_path)
    await second.close()
    assert list(fake.documents) == [_key(1)]


async def test_answered_and_killed_before_its_logs_there_is_a_record_all_the_same(
    tmp_path: Path,
) -> None:
    first = await _writer(FakeStore(), tmp_path)
    await first.expect(_record(1, {"of": "the answer"}))
    await first.expect(_record(2))
    await first.store(_record(2, {"with": "logs"}))
    await _crash(first)
    fake = FakeStore()
    second = await _writer(fake, tmp_path)
    await second.close()
    assert fake.documents[_key(1)]["response"]["result"] == {"of": "the answer"}
    assert fake.documents[_key(2)]["response"]["result"] == {"with": "logs"}


async def test_refused_record_is_kept_in_a_file_and_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeStore()
    fake.refused = {_key(1)}
    writer = await _writer(fake, tmp_path)
    for number in range(3):
        await writer.store(_record(number))
    await writer.close()
    assert sorted(fake.documents) == [_key(0), _key(2)]
    assert (writer.refused, writer.lost) == (1, 0)
    assert _key(1) in (tmp_path / "refused.log").read_text()
    assert caplog.text.count("record-refused") == 1


async def test_clock_that_was_set_back_makes_no_age_negative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = await _writer(_away(), tmp_path, flush_limit_ms=20)
    await writer.store(_record(1))
    monkeypatch.setattr("invoker_plugin.store.records._now_ms", lambda: 1)
    await writer.store(_record(2))
    assert writer.figures().oldest_ms == 0
    await _crash(writer)
    fake = FakeStore()
    second = await _writer(fake, tmp_path)
    await second.close()
    assert sorted(fake.documents) == [_key(1), _key(2)]
