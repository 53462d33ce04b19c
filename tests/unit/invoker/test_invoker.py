"""The invoker's life on the in-memory bus: malformed messages, repeats, drain."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from invoker_plugin.bus.feed import MessageFeed
from invoker_plugin.bus.memory import MemoryBus
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.stub import StubContainer, echo
from invoker_plugin.errors import SystemFault
from invoker_plugin.health.pinger import Pinger
from invoker_plugin.invoker import invoker as module
from invoker_plugin.invoker.invoker import Invoker, Parts
from tests.polling import until
from tests.unit.invoker.world import INSTANCE, World

TOPIC = "invoker0"


class Life:
    """An invoker on stubs, fed by an in-memory bus."""

    def __init__(self, answer: Any = echo) -> None:
        self.bus = MemoryBus()
        self.world = World(answer)
        self.world.actions.add("hello")
        producer = self.bus.producer()
        pinger = Pinger(producer, "health", INSTANCE, [])
        world = self.world
        self.invoker = Invoker(
            Parts(world.factory, world.admission, world.driver, world.finisher, pinger)
        )
        world.driver._feed_more = self.invoker.feed_more

    async def start(self) -> None:
        consumer = self.bus.consumer(TOPIC, TOPIC, 4)
        self.feed = MessageFeed(consumer, self.invoker.take, capacity=4, max_peek=4)
        await self.invoker.start(self.feed)

    def send(self, number: int, name: str = "hello") -> str:
        activation_id = f"{number:032x}"
        message = {
            "action": {"path": "guest", "name": name, "version": "0.0.1"},
            "activationId": activation_id,
            "blocking": True,
            "content": {"n": number},
            "initArgs": [],
            "lockedArgs": {},
            "revision": "1-a",
            "rootControllerIndex": {"asString": "0", "instanceType": "controller"},
            "transid": ["tid", int(time.time() * 1000)],
            "user": {
                "authkey": {"api_key": "u:k"},
                "limits": {},
                "namespace": {"name": "guest", "uuid": "u"},
                "rights": [],
                "subject": "guest",
            },
        }
        self.bus.put(TOPIC, json.dumps(message).encode())
        return activation_id

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(condition)


def test_more_activations_than_places_all_run_and_malformed_ones_do_not_stop_it() -> None:
    async def scenario() -> None:
        life = Life()
        await life.start()
        for number in range(20):
            life.send(number)
            if number % 5 == 0:
                life.bus.put(TOPIC, b"{ not a message")
        await life.until(lambda: len(life.world.records) == 20)
        await life.until(lambda: life.feed.in_flight == 0)
        assert await life.invoker.drain(5)
        assert life.bus.committed[TOPIC, TOPIC] == 24

    asyncio.run(scenario())


def test_a_message_delivered_twice_runs_once() -> None:
    async def scenario() -> None:
        life = Life()
        await life.start()
        life.send(1)
        life.send(1)
        life.send(2)
        await life.until(lambda: len(life.world.records) == 2)
        await life.until(lambda: life.feed.in_flight == 0)
        await life.invoker.drain(5)
        assert len(life.world.records) == 2

    asyncio.run(scenario())


def test_drain_says_goodbye_first_and_finishes_what_runs() -> None:
    gate = asyncio.Event()

    async def slow(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
        if path == "/run":
            await gate.wait()
        return echo(container, path, body)

    async def scenario() -> None:
        life = Life(slow)
        await life.start()
        life.send(1)
        await life.until(lambda: life.world.driver.in_flight == 1)
        draining = asyncio.ensure_future(life.invoker.drain(10))
        await life.until(lambda: b'"isEnabled":false' in b"".join(life.bus.values("health")))
        life.send(2)
        assert life.invoker.phase == "draining"
        gate.set()
        assert await draining
        assert [r.response.result for r in life.world.records] == [{"n": 1}]
        assert life.bus.committed[TOPIC, TOPIC] == 1, "what came later is the next invoker's"

    asyncio.run(scenario())


def test_a_disabled_invoker_still_runs_what_is_sent() -> None:
    async def scenario() -> None:
        life = Life()
        await life.start()
        pinger = life.invoker._parts.pinger
        await pinger.disable()
        life.send(1)
        await life.until(lambda: len(life.world.records) == 1)
        assert life.bus.values("health")[-1].startswith(b'{"isEnabled":false')
        await life.invoker.drain(5)

    asyncio.run(scenario())


def test_state_tells_what_it_holds() -> None:
    async def scenario() -> None:
        life = Life()
        await life.start()
        life.send(1)
        await life.until(lambda: life.feed.in_flight == 0 and len(life.world.records) == 1)
        await life.until(lambda: life.invoker.in_flight == 0)
        state = life.invoker.state()
        assert (state["phase"], state["in_flight"], state["buffered"]) == ("up", 0, [])
        assert state["pool"]["idle"] == 1
        assert state["pool"]["no_room"] == 0
        (container,) = state["containers"]
        assert container["workers"] == {"w1": None}
        assert state["drain"] is None
        await life.invoker.drain(5)
        state = life.invoker.state()
        assert (state["phase"], state["drain"]["step"]) == ("draining", "flushing")

    asyncio.run(scenario())


def test_refused_activations_free_their_places() -> None:
    async def scenario() -> None:
        life = Life()
        await life.start()
        for number in range(10):
            life.send(number, "gone")
        last = life.send(10)
        await life.until(lambda: len(life.world.records) == 11)
        assert life.world.record(last).response.is_success
        await life.invoker.drain(5)

    asyncio.run(scenario())


def test_drain_removes_all_containers_and_a_failure_is_only_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> int:
        raise SystemFault("Docker is away")

    async def scenario(fails: bool) -> Life:
        life = Life()
        await life.start()
        life.send(1)
        await life.until(lambda: len(life.world.records) == 1)
        if fails:
            monkeypatch.setattr(life.world.factory, "clean_up", fail)
        assert await life.invoker.drain(5)
        return life

    assert asyncio.run(scenario(False)).world.factory.living == []
    asyncio.run(scenario(True))
    assert "containers-left" in [record.getMessage() for record in caplog.records]


def test_figures_of_the_pool_are_logged_again_and_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(module, "FIGURES_S", 0.001)

    def lines() -> list[dict[str, Any]]:
        return [vars(r)["swift_fields"] for r in caplog.records if r.getMessage() == "pool"]

    async def scenario() -> None:
        life = Life()
        await life.start()
        await life.until(lambda: len(lines()) > 2)
        await life.invoker.drain(5)

    asyncio.run(scenario())
    assert {"buffered", "active_mb", "prewarmed", "idle"} <= set(lines()[0])


def test_drain_ends_at_its_limit() -> None:
    async def endless(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
        if path == "/run":
            await asyncio.Event().wait()
        return echo(container, path, body)

    async def scenario() -> None:
        life = Life(endless)
        await life.start()
        life.send(1)
        await life.until(lambda: life.world.driver.in_flight == 1)
        assert not await life.invoker.drain(0.05)

    asyncio.run(scenario())


def test_death_of_the_feed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        life = Life()

        async def die() -> None:
            raise SystemFault("another process consumes under this number")

        consumer = life.bus.consumer(TOPIC, TOPIC, 4)
        life.feed = MessageFeed(consumer, life.invoker.take, capacity=4, max_peek=4)
        monkeypatch.setattr(life.feed, "run", die)
        await life.invoker.start(life.feed)
        with pytest.raises(SystemFault, match="another process"):
            await asyncio.wait_for(life.invoker.failed(), 5)

    asyncio.run(scenario())
