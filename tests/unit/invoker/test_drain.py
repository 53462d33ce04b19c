"""The end: who may ask for it, and what becomes of activations that do not end in time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.stub import StubContainer, echo
from invoker_plugin.invoker.drain import SHUT_DOWN, Drain
from tests.unit.invoker.test_invoker import Life


async def _until_removed(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    """Run until the container is removed, as a process in it would."""
    if path == "/run":
        while not container.removed:
            await asyncio.sleep(0.005)
        return HttpOutcome(0, 1, None, failure="reset", reason="connection reset")
    return echo(container, path, body)


def test_first_to_ask_counts_and_a_later_limit_replaces_the_first() -> None:
    drain = Drain(60)
    assert drain.told() is None
    assert drain.ask("SIGTERM")
    assert not drain.ask("POST /drain")
    assert 50 < drain.left_s <= 60
    drain.ask("SIGTERM", 0)
    told = drain.told()
    assert told is not None
    assert (told["asked_by"], told["left_ms"]) == ("SIGTERM", 0)


def test_what_does_not_end_in_time_is_answered_as_the_systems_fault() -> None:
    async def scenario() -> Life:
        life = Life(_until_removed)
        await life.start()
        life.send(1)
        await life.until(lambda: life.world.driver.in_flight == 1)
        assert not await life.invoker.drain(0.05)
        assert life.invoker.draining.given_up == 1
        return life

    life = asyncio.run(scenario())
    (record,) = life.world.records
    assert record.response.result == {"error": SHUT_DOWN}
    acks = [ack for ack in life.world.acks if ack["topic"] == "completed0"]
    assert [ack.get("isSystemError") for ack in acks if "instance" in ack] == [True]
    assert life.world.factory.living == []


def test_what_waits_for_room_is_answered_when_the_limit_is_over() -> None:
    async def scenario() -> Life:
        life = Life(_until_removed)
        life.world.actions.add("large", kind="python:3", limits={"memory": 512})
        life.world.pool.containers.limit_mb = 512
        await life.start()
        life.send(1, "large")
        life.send(2, "large")
        await life.until(lambda: len(life.world.pool.buffer) == 1)
        assert not await life.invoker.drain(0.05)
        return life

    life = asyncio.run(scenario())
    results = [json.dumps(record.response.result) for record in life.world.records]
    assert results == [json.dumps({"error": SHUT_DOWN})] * 2
    assert len(life.world.factory.created) == 1, "nothing was begun for the one that waited"


def test_a_second_wish_ends_the_wait() -> None:
    async def scenario() -> None:
        life = Life(_until_removed)
        await life.start()
        life.send(1)
        await life.until(lambda: life.world.driver.in_flight == 1)
        draining = asyncio.ensure_future(life.invoker.drain(3600))
        await life.until(lambda: life.invoker.draining.step == "finishing")
        life.invoker.draining.ask("SIGTERM", 0.0)
        assert not await asyncio.wait_for(draining, 10)

    asyncio.run(scenario())


def test_container_that_was_still_being_made_is_removed_too() -> None:
    async def scenario() -> None:
        life = Life()
        life.world.factory.gate = asyncio.Event()
        await life.start()
        life.send(1)
        await life.until(lambda: life.world.driver.in_flight == 1)
        draining = asyncio.ensure_future(life.invoker.drain(0.05))
        await life.until(lambda: life.invoker.draining.step == "removing")
        life.world.factory.gate.set()
        assert not await draining
        assert life.world.factory.living == []
        assert len(life.world.records) == 1

    asyncio.run(scenario())
