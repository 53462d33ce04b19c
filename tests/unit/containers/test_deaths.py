"""Docker's events about containers that die."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from invoker_plugin.containers import deaths as deaths_module
from invoker_plugin.containers.deaths import DeathWatch
from tests.unit.containers.engines import FakeEngine


def watch_of(engine: FakeEngine) -> DeathWatch:
    return DeathWatch(engine, "wsk0")  # type: ignore[arg-type]


def died(container: str, code: int = 137) -> dict[str, Any]:
    attributes = {"exitCode": str(code)}
    return {"id": container, "Action": "die", "time": 1, "Actor": {"Attributes": attributes}}


def test_exit_is_told_once_though_heard_twice() -> None:
    deaths = watch_of(FakeEngine())
    told: list[str] = []
    deaths.on_exit(told.append)
    fate = deaths.follow("a")
    deaths.hear(died("a"))
    deaths.hear(died("a"))
    assert (fate.exited, fate.exit_code, told) == (True, 137, ["a"])
    assert not fate.out_of_memory


def test_what_we_removed_ourselves_is_not_told() -> None:
    deaths = watch_of(FakeEngine())
    told: list[str] = []
    deaths.on_exit(told.append)
    deaths.follow("a")
    deaths.forget("a")
    deaths.hear(died("a"))
    deaths.hear({"id": "never seen", "Action": "oom"})
    assert told == []


def test_events_reach_the_loop_from_their_thread() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        engine.events = [{"id": "a", "Action": "oom", "time": 1}, died("a")]
        deaths = watch_of(engine)
        fate = deaths.follow("a")
        exited = asyncio.Event()
        deaths.on_exit(lambda _: exited.set())
        deaths.start()
        await asyncio.wait_for(exited.wait(), 10)
        deaths.stop()
        assert fate.out_of_memory
        assert fate.exited

    asyncio.run(flow())


def test_exit_that_was_missed_is_found_when_the_stream_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Docker was restarted: the stream broke, and the event of the exit is lost."""
    monkeypatch.setattr(deaths_module, "_RECONNECT_S", 0.0)

    async def flow() -> None:
        engine = FakeEngine()
        engine.existing["alive"] = {"State": "running"}
        engine.existing["gone"] = {"State": "exited"}
        deaths = watch_of(engine)
        told: list[str] = []
        exited = asyncio.Event()
        deaths.on_exit(told.append)
        deaths.on_exit(lambda _: exited.set())
        fates = {name: deaths.follow(name) for name in ("alive", "gone", "removed")}
        deaths.start()
        await asyncio.wait_for(exited.wait(), 10)
        while len(told) < 2:
            await asyncio.sleep(0)
        deaths.stop()
        assert sorted(told) == ["gone", "removed"]
        assert not fates["alive"].exited

    asyncio.run(asyncio.wait_for(flow(), 20))
