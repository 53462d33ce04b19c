"""What leaves the flow beside the container's answer: acks, records, events, lines of the log."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from invoker_plugin.bus.interface import MessageTooLarge
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.stub import StubContainer, answered, echo
from invoker_plugin.errors import SystemFault
from invoker_plugin.invoker import no_room
from invoker_plugin.invoker.acknowledger import Acknowledger
from invoker_plugin.invoker.finisher import Finisher
from invoker_plugin.store.levels import FAILURES, StoreLevels
from invoker_plugin.wire import texts
from tests.unit.invoker.world import INSTANCE, World


class NarrowBus:
    """Takes no message over ``limit`` bytes; fails while ``broken``."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.broken = False
        self.sent: list[dict[str, Any]] = []
        self.topics: list[str] = []

    async def send(self, topic: str, value: bytes) -> None:
        if self.broken:
            raise SystemFault("Kafka is away")
        if len(value) > self.limit:
            raise MessageTooLarge(f"{len(value)} bytes")
        self.sent.append(json.loads(value))
        self.topics.append(topic)


def on_bus(world: World, bus: NarrowBus) -> None:
    world.finisher._acks = Acknowledger(bus, INSTANCE)


def test_record_too_large_for_kafka_goes_as_its_id() -> None:
    async def scenario() -> None:
        bus, world = NarrowBus(1000), World()
        on_bus(world, bus)
        world.actions.add("hello")
        large = await world.invoke("hello", content={"text": "x" * 2000})
        await world.settle()
        assert [ack.get("response") for ack in bus.sent] == [large, None]
        assert world.record(large).response.result == {"text": "x" * 2000}

    asyncio.run(scenario())


def test_acks_go_to_the_controller_that_asked() -> None:
    async def scenario() -> None:
        bus, world = NarrowBus(100_000), World()
        world.finisher._acks = Acknowledger(bus, INSTANCE, "prod-")
        world.actions.add("hello")
        controller = {"asString": "3", "instanceType": "controller"}
        await world.invoke("hello", rootControllerIndex=controller)
        await world.settle()
        assert bus.topics == ["prod-completed3", "prod-completed3"]

    asyncio.run(scenario())


def test_blocked_namespace_gets_the_id_only() -> None:
    async def scenario() -> None:
        world = World()
        world.blocked.add("guest")
        activation_id = await world.invoke("hello")
        assert world.acks[0]["response"] == activation_id
        assert world.acks[0]["isSystemError"] is False

    asyncio.run(scenario())


def test_ack_that_cannot_be_sent_stops_neither_record_nor_completion() -> None:
    async def scenario() -> None:
        bus, world = NarrowBus(100_000), World()
        bus.broken = True
        on_bus(world, bus)
        world.actions.add("hello")
        activation_id = await world.invoke("hello")
        await world.settle()
        assert world.record(activation_id).response.is_success
        assert world.driver.in_flight == 0
        bus.broken = False
        await world.invoke("hello")
        await world.settle()
        assert ["response" in ack for ack in bus.sent] == [True, False]

    asyncio.run(scenario())


def test_user_event_goes_out_once_with_what_frees_the_slot() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("hello")
        await world.invoke("hello")
        await world.settle()
        topics = [ack["topic"] for ack in world.acks]
        assert topics == ["completed0", "completed0", "events"]

    asyncio.run(scenario())


def failing(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    return answered(200, {"error": "no"} if path == "/run" else {})


@pytest.mark.parametrize(
    ("answer", "changes", "stored"),
    [
        (echo, {}, False),
        (failing, {}, True),
        (echo, {"blocking": False}, True),
        (echo, {"transid": ["tid", 1, True]}, True),
    ],
    ids=["success", "failure", "non-blocking", "extra logging"],
)
def test_store_level_of_blocking_activations(
    answer: Any, changes: dict[str, Any], stored: bool
) -> None:
    async def scenario() -> None:
        world = World(answer, protocol=0)
        world.finisher = Finisher(world.acknowledger, world, StoreLevels(blocking=FAILURES))
        world.driver._finisher = world.driver._runner._finisher = world.finisher
        world.actions.add("hello", kind="python:3")
        await world.invoke("hello", **changes)
        await world.settle()
        assert bool(world.records) is stored

    asyncio.run(scenario())


def test_namespace_may_switch_storing_off() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("hello")
        user = {
            "authkey": {"api_key": "u:k"},
            "limits": {"storeActivations": False},
            "namespace": {"name": "guest", "uuid": "u"},
            "rights": [],
            "subject": "guest",
        }
        activation_id = await world.invoke("hello", user=user)
        await world.settle()
        assert world.records == []
        assert world.acks_of(activation_id) == ["result", "completion"]

    asyncio.run(scenario())


def test_limits_of_the_namespace_are_held_to() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("large", limits={"memory": 1024})
        activation_id = await world.invoke("large")
        record = world.record(activation_id)
        assert record.response.status_code == 1
        assert "1024 MB exceeds" in str(record.response.result)
        assert record.annotation("kind") == "unknown"
        assert record.duration_ms == 0

    asyncio.run(scenario())


def test_a_sequence_is_refused_and_nothing_breaks() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("chain", kind="sequence")
        activation_id = await world.invoke("chain")
        assert world.record(activation_id).response.result == {"error": texts.ACTION_MISMATCH}
        assert world.record(activation_id).response.is_whisk_error
        assert world.acks_of(activation_id) == ["combined"]

    asyncio.run(scenario())


def fields_of(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    return [vars(r)["swift_fields"] for r in caplog.records if r.getMessage() == name]


def test_lines_carry_the_transaction_its_parent_and_the_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        world = World()
        world.actions.add("hello")
        trace = {"traceparent": "00-1-2-01"}
        await world.invoke("hello", transid=["child", 2, ["parent", 1]], traceContext=trace)
        await world.settle()
        assert all(a["transid"] == ["child", 2, ["parent", 1]] for a in world.acks[:2])

    asyncio.run(scenario())
    (started,) = fields_of(caplog, "activation-started")
    assert started["start"] == "cold"
    assert (started["transid"], started["parent_transid"]) == ("child", "parent")
    assert started["trace_context"] == {"traceparent": "00-1-2-01"}
    (finished,) = fields_of(caplog, "activation-finished")
    assert finished["transid"] == "child"


def test_no_room_is_said_once_in_a_while_and_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0]
    monkeypatch.setattr(no_room, "steady_ms", lambda: clock[0])

    async def scenario() -> None:
        world = World(protocol=0, memory_mb=128)
        world.factory.gate = asyncio.Event()
        world.actions.add("hello", kind="python:3")
        for _ in range(4):
            await world.invoke("hello")
        clock[0] = no_room.PERIOD_MS
        await world.invoke("hello")
        assert world.driver.no_room.count == 4
        world.factory.gate.set()
        await world.settle()
        assert len(world.records) == 5

    asyncio.run(scenario())
    assert [line["since_last_line"] for line in fields_of(caplog, "no-room")] == [1, 3]
