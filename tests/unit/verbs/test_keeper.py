"""The cache kept as the machine is."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from invoker_plugin.verbs import file, keeper
from invoker_plugin.verbs.discovery import Machine, NoDevices
from invoker_plugin.verbs.keeper import CacheKeeper
from invoker_plugin.verbs.layout import Cache, CacheFault
from invoker_plugin.verbs.uevents import concerns_rdma
from tests.unit.verbs.caches import cache, device


class FakeMachine(Machine):
    """Is as the test says; a fault is raised."""

    now: Cache | CacheFault = cache()

    def read(self) -> Cache:
        if isinstance(self.now, CacheFault):
            raise self.now
        return self.now


class Pipe:
    """Events by hand."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def fileno(self) -> int:
        return self.reader

    def happen(self) -> None:
        os.write(self.writer, b"x")

    def drain(self) -> bool:
        return bool(os.read(self.reader, 100))

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture(autouse=True)
def quick_and_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "_OWNER", os.geteuid())
    monkeypatch.setattr(keeper, "_SETTLE_SECONDS", 0.001)
    monkeypatch.setattr(keeper, "_PAUSES_SECONDS", (0.001, 0.001))


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def holds(path: Path, wanted: Cache) -> bool:
    try:
        return file.read(path) == wanted
    except CacheFault:
        return False


def test_written_at_start_and_on_change(tmp_path: Path) -> None:
    machine, events, path = FakeMachine(), Pipe(), tmp_path / "verbs" / "devices"
    more = cache(device(), device(1))

    async def live() -> None:
        kept = CacheKeeper(str(path.parent), machine, lambda: events)
        await kept.start()
        assert holds(path, cache())
        machine.now = more
        events.happen()
        await until(lambda: holds(path, more))
        machine.now = NoDevices("none")
        events.happen()
        await until(lambda: not path.exists())
        machine.now = cache()
        events.happen()
        await until(lambda: holds(path, cache()))
        await kept.stop()

    asyncio.run(live())
    assert holds(path, cache()), "it is right until a device changes"


def test_a_cache_that_is_right_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "devices"
    file.write(path, cache())
    before = path.stat().st_ino

    async def live() -> None:
        kept = CacheKeeper(str(tmp_path), FakeMachine(), Pipe)
        await kept.start()
        await kept.stop()

    asyncio.run(live())
    assert path.stat().st_ino == before


def test_a_machine_between_two_states_is_asked_again(tmp_path: Path) -> None:
    machine, events, path = FakeMachine(), Pipe(), tmp_path / "devices"
    answers: list[Cache | CacheFault] = [CacheFault("uverbs1 is not told"), cache(device(1))]

    def raising() -> Cache:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, CacheFault):
            raise answer
        return answer

    async def live() -> None:
        kept = CacheKeeper(str(tmp_path), machine, lambda: events)
        await kept.start()
        machine.read = raising  # type: ignore[method-assign]
        events.happen()
        await until(lambda: holds(path, cache(device(1))))
        await kept.stop()

    asyncio.run(live())
    assert len(answers) == 1


def test_what_fails_is_a_warning_and_no_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")

    def deaf() -> Pipe:
        raise PermissionError(1, "Operation not permitted")

    async def live() -> None:
        kept = CacheKeeper(str(tmp_path / "file"), FakeMachine(), deaf)
        await kept.start()
        await kept.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(live())
    assert [record.getMessage() for record in caplog.records] == [
        "verbs-cache-unwatched",
        "verbs-cache-failed",
    ]


def test_the_kernels_events_of_rdma_devices() -> None:
    added = b"add@/devices/virtual/x/uverbs0\0ACTION=add\0SUBSYSTEM=infiniband_verbs\0"
    moved = b"move@/devices/virtual/infiniband/x\0ACTION=move\0SUBSYSTEM=infiniband\0SEQNUM=3\0"
    other = b"add@/devices/virtual/net/dummy0\0ACTION=add\0SUBSYSTEM=net\0"
    mad = b"add@/devices/x\0SUBSYSTEM=infiniband_mad\0"
    udev = b"libudev\0\xfe\xed\xca\xfeSUBSYSTEM=infiniband\0"
    assert [concerns_rdma(one) for one in (added, moved, other, mad, udev, b"")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
