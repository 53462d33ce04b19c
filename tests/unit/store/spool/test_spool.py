"""Records on disk: in order, within bounds, found again, and never in anyone's way."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.errors import ConfigurationError, SystemFault
from invoker_plugin.store.spool import Entry, Segment, Spool
from invoker_plugin.store.spool import spool as module
from invoker_plugin.store.spool.entry import EXPECTED, RECORD
from invoker_plugin.store.spool.segment import HEADER

OpenSpool = Callable[..., Spool]


@pytest.fixture
def open_spool(tmp_path: Path) -> OpenSpool:
    def open_it(max_bytes: int = 10**6, max_records: int = 1000, sync: bool = False) -> Spool:
        spool = Spool(tmp_path / "spool", max_bytes, max_records, sync)
        spool.open()
        return spool

    return open_it


def entry(number: int, kind: str = RECORD, size: int = 0) -> Entry:
    return Entry(kind, 1000 + number, f"guest/{number}", b'"%b"' % (b"x" * size))


def crash(spool: Spool) -> None:
    """What the end of its process does: files close, nothing is tidied up."""
    for segment in spool._segments:
        segment.close()
    spool._home.close()


async def read_all(spool: Spool) -> list[tuple[Entry, Segment]]:
    found: list[tuple[Entry, Segment]] = []
    while spool.behind:
        found += await spool.read_on(100)
    return found


def files(spool: Spool) -> list[str]:
    return sorted(path.name for path in spool._home.directory.iterdir() if path.name != "lock")


async def test_records_come_again_in_order_after_a_crash(open_spool: OpenSpool) -> None:
    spool = open_spool()
    for number in range(5):
        spool.append(entry(number), handed_on=True)
    crash(spool)
    second = open_spool()
    assert (second.records, second.behind, second.recovered) == (5, 5, 5)
    # What comes now goes behind what was there.
    second.append(entry(5), handed_on=False)
    found = await read_all(second)
    assert [one for one, _ in found] == [entry(number) for number in range(6)]
    for _, segment in found:
        second.settle(segment)
    assert (second.records, second.behind) == (0, 0)
    second.close()
    assert files(second) == []


async def test_only_what_was_not_handed_on_is_read(open_spool: OpenSpool) -> None:
    spool = open_spool()
    spool.append(entry(1), handed_on=True)
    spool.append(entry(2), handed_on=False)
    spool.append(entry(3), handed_on=False)
    assert [one.key for one, _ in await read_all(spool)] == ["guest/2", "guest/3"]


async def test_files_go_as_soon_as_all_in_them_is_stored(
    open_spool: OpenSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 2000)
    monkeypatch.setattr(module, "RENEWED_BYTES", 500)
    spool = open_spool()
    segments = [spool.append(entry(n, size=900), handed_on=True) for n in range(10)]
    count = len(files(spool))
    assert count > 3
    for segment in segments[1:]:
        spool.settle(segment)
    assert len(files(spool)) == 1
    assert spool.bytes == segments[0].size
    spool.settle(segments[0])
    assert (files(spool), spool.bytes, spool.records) == ([], 0, 0)
    assert spool.append(entry(11), handed_on=True).path.exists()


async def test_bounds_are_kept_but_one_record_always_fits(open_spool: OpenSpool) -> None:
    spool = open_spool(max_bytes=5_000, max_records=3)
    assert spool.has_room(100_000)
    spool.append(entry(1, size=4_000), handed_on=True)
    assert not spool.has_room(2_000)
    assert spool.has_room(100)
    spool.append(entry(2), handed_on=True)
    segment = spool.append(entry(3), handed_on=True)
    assert not spool.has_room(1)
    spool.settle(segment)
    assert spool.has_room(1)


async def test_expected_record_stands_in_only_when_the_real_one_never_came(
    open_spool: OpenSpool,
) -> None:
    spool = open_spool()
    for number in (1, 2):
        spool.expect(entry(number, EXPECTED))
    spool.append(entry(1, size=9), handed_on=True)
    assert spool.records == 1
    crash(spool)
    second = open_spool()
    found = [one for one, _ in await read_all(second)]
    assert found == [entry(1, size=9), entry(2)]
    # It is a record from now on: another crash does not change that.
    crash(second)
    third = open_spool()
    assert [one.key for one, _ in await read_all(third)] == ["guest/1", "guest/2"]


async def test_expected_records_leave_nothing(open_spool: OpenSpool) -> None:
    spool = open_spool()
    for number in range(3):
        spool.expect(entry(number, EXPECTED))
        spool.settle(spool.append(entry(number), handed_on=True))
    assert (spool.records, spool.behind) == (0, 0)
    spool.close()
    assert files(spool) == []


async def test_half_a_line_at_the_end_is_cut_off(
    open_spool: OpenSpool, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool()
    spool.append(entry(1), handed_on=True)
    segment = spool.append(entry(2), handed_on=True)
    crash(spool)
    os.truncate(segment.path, segment.size - 3)
    second = open_spool()
    assert [one for one, _ in await read_all(second)] == [entry(1)]
    assert "spool-file-damaged" not in caplog.text


async def test_damaged_file_is_kept_and_what_can_be_read_is_stored(
    open_spool: OpenSpool, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool()
    segment, *_ = [spool.append(entry(n), handed_on=True) for n in range(3)]
    crash(spool)
    data = bytearray(segment.path.read_bytes())
    data[len(HEADER) + len(entry(0).encode()) + 20] ^= 1
    segment.path.write_bytes(data)
    second = open_spool()
    found = await read_all(second)
    assert [one.key for one, _ in found] == ["guest/0", "guest/2"]
    for _, one in found:
        second.settle(one)
    second.close()
    assert files(second) == [f"{segment.path.name}.set-aside"]
    assert caplog.text.count("spool-file-damaged") == 1


@pytest.mark.parametrize("content", [b"something else\n", b"\0" * 4096, b"swift-invoker records 2"])
async def test_foreign_file_is_set_aside_and_blocks_nothing(
    open_spool: OpenSpool, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    name = "records-000000000007.log"
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / name).write_bytes(content)
    (tmp_path / "spool" / "notes.txt").write_text("mine")
    spool = open_spool()
    assert files(spool) == ["notes.txt", f"{name}.set-aside"]
    assert caplog.text.count("spool-file-foreign") == 1
    assert spool.records == 0
    # Its number is not used again, and what comes is taken.
    assert spool.append(entry(1), handed_on=True).path.name == "records-000000000008.log"


def test_empty_file_and_unreadable_one_stop_nothing(
    open_spool: OpenSpool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "records-000000000001.log").touch()
    (tmp_path / "spool" / "records-000000000002.log").mkdir()
    spool = open_spool()
    assert spool.records == 0
    assert "spool-file-unreadable" in caplog.text
    assert files(spool) == ["records-000000000002.log"]


def test_two_processes_never_share_one(open_spool: OpenSpool) -> None:
    spool = open_spool()
    with pytest.raises(SystemFault, match=r"in use by another process.*one number"):
        open_spool()
    spool.close()
    open_spool().close()


def test_directory_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool", 1, 1, False)
    with pytest.raises(ConfigurationError, match=r"Not a directory; give store\.spool_directory"):
        spool.open()


async def test_write_that_fails_leaves_the_file_as_it_was(
    open_spool: OpenSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool()
    spool.append(entry(1), handed_on=True)
    real = os.write

    def half_then_full(file: int, data: bytes) -> int:
        if len(data) > 20:
            return real(file, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half_then_full)
        with pytest.raises(OSError, match="No space left"):
            spool.append(entry(2, size=15), handed_on=True)
    assert spool.records == 1
    spool.append(entry(3), handed_on=True)
    crash(spool)
    assert [one.key for one, _ in await read_all(open_spool())] == ["guest/1", "guest/3"]


async def test_sync_has_the_disk_hold_each_record(
    open_spool: OpenSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Any] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    lazy = open_spool()
    lazy.append(entry(1), handed_on=True)
    await lazy.synced()
    assert synced == []
    lazy.close()
    spool = open_spool(sync=True)
    for number in range(3):
        spool.append(entry(number), handed_on=True)
    await spool.synced()
    assert len(synced) == 1
    await spool.synced()
    assert len(synced) == 1


async def test_refused_records_come_again_under_a_name_of_the_others(
    open_spool: OpenSpool, tmp_path: Path
) -> None:
    spool = open_spool()
    file = spool.set_aside(entry(1))
    assert file is not None
    spool.close()
    last = tmp_path / "spool" / "records-999999999999.log"
    last.write_bytes(HEADER + file.read_bytes())
    second = open_spool()
    second.append(entry(2), handed_on=False)
    crash(second)
    found = [one.key for one, _ in await read_all(open_spool())]
    assert found == ["guest/1", "guest/2"]


def test_files_are_their_owners_alone(open_spool: OpenSpool, tmp_path: Path) -> None:
    spool = open_spool()
    segment = spool.append(entry(1), handed_on=True)
    assert segment.path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
