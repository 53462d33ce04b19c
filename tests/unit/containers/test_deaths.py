"""Docker's events about containers that die."""

from __future__ import annotations

import asyncio
from typing import Any

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
