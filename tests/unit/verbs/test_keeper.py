"""The cache kept as the machine is."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from invoker_plugin.verbs import file, keeper
from invoker_plugin.verbs.discovery import Machine, NoDevices
from invoker_plugin.verbs.keeper import CacheKeeper
from invoker_plugin.verbs.layout import Cache, CacheFault
from tests.polling import until
from tests.unit.verbs.caches import cache, device


class FakeMachine(Machine):
    """Is as the test says; a fault is raised."""

    now: Cache | CacheFault = cache()

    def read(self) -> Cache:
        if isinstance(self.now, CacheFault):
            raise self.now
        return self.now


@pytest.fixture(autouse=True)
def quick_and_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "_OWNER", os.geteuid())
    monkeypatch.setattr(keeper, "_SETTLE_SECONDS", 0.001)
    monkeypatch.setattr(keeper, "_PAUSES_SECONDS", (0.001, 0.001))


def holds(path: Path, wanted: Cache) -> bool:
    try:
        return file.read(path) == wanted
    except CacheFault:
        return False


def test_written_at_start_and_on_change(tmp_path: Path) -> None:
    machine, path = FakeMachine(), tmp_path / "verbs" / "devices"
    more = cache(device(), device(1))

    async def live() -> None:
        kept = CacheKeeper(str(path.parent), machine)
        await kept.start()
        assert holds(path, cache())
        machine.now = more
        kept.changed()
        await until(lambda: holds(path, more))
        machine.now = NoDevices("none")
        kept.changed()
        await until(lambda: not path.exists())
        machine.now = cache()
        kept.changed()
        await until(lambda: holds(path, cache()))
        await kept.stop()

    asyncio.run(live())
    assert holds(path, cache()), "it is right until a device changes"


def test_a_cache_that_is_right_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "devices"
    file.write(path, cache())
    before = path.stat().st_ino

    async def live() -> None:
        kept = CacheKeeper(str(tmp_path), FakeMachine())
        await kept.start()
        await kept.stop()

    asyncio.run(live())
    assert path.stat().st_ino == before


def test_a_machine_between_two_states_is_asked_again(tmp_path: Path) -> None:
    machine, path = FakeMachine(), tmp_path / "devices"
    answers: list[Cache | CacheFault] = [CacheFault("uverbs1 is not told"), cache(device(1))]

    def raising() -> Cache:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, CacheFault):
            raise answer
        return answer

    async def live() -> None:
        kept = CacheKeeper(str(tmp_path), machine)
        await kept.start()
        machine.read = raising  # type: ignore[method-assign]
        kept.changed()
        await until(lambda: holds(path, cache(device(1))))
        await kept.stop()

    asyncio.run(live())
    assert len(answers) == 1


def test_what_fails_is_a_warning_and_no_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")

    async def live() -> None:
        kept = CacheKeeper(str(tmp_path / "file"), FakeMachine())
        await kept.start()
        await kept.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(live())
    assert [record.getMessage() for record in caplog.records] == ["verbs-cache-failed"]
