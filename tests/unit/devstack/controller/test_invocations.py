"""Slots: freed by completions, freed by force, never twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from devstack.controller import invocations
from devstack.controller.acks import Ack, MalformedAck, parse
from devstack.controller.identity import Identity
from devstack.controller.invocations import Invocations, ack_timeout_ms
from devstack.controller.messages import Invocation, new_transaction
from devstack.controller.parameters import Arguments
from devstack.controller.pings import Ping
from devstack.controller.supervision import Outcome

ACTION = {
    "namespace": "guest",
    "name": "act",
    "version": "0.0.1",
    "_rev": "1-a",
    "exec": {"kind": "python:3"},
    "limits": {"memory": 256, "timeout": 60000, "concurrency": 1, "logs": 10},
}


class Invokers:
    """One healthy invoker with room for two, and what it was told."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def healthy(self) -> list[Ping]:
        return [Ping(0, None, None, 512, (), True)]

    def finished(self, instance: int, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


class Sender:
    def __init__(self) -> None:
        self.topics: list[str] = []

    async def send(self, topic: str, value: bytes) -> None:
        self.topics.append(topic)


async def _no_record(_namespace: str, _activation_id: str) -> None:
    return None


def _invocation(activation_id: str) -> Invocation:
    identity = Identity("guest", "guest", "uuid", "key")
    given = Arguments({}, [], {})
    return Invocation(ACTION, identity, given, new_transaction(1), activation_id, True)


def _ack(activation_id: str, completes: bool = True, record: Any = None) -> Ack:
    return Ack(activation_id, "t", record, record is not None, 0 if completes else None)


def _made() -> tuple[Invocations, Invokers]:
    invokers = Invokers()
    return Invocations(Sender(), invokers, _no_record, "0", lambda: 1), invokers


def test_a_completion_frees_the_slot_once() -> None:
    async def scenario() -> None:
        flights, invokers = _made()
        await flights.publish(_invocation("a"))
        flights.acknowledged(_ack("a"))
        flights.acknowledged(_ack("a"))
        assert flights.in_flight == 0
        assert invokers.outcomes == [Outcome.SUCCESS]

    asyncio.run(scenario())


def test_a_result_does_not_free_the_slot() -> None:
    async def scenario() -> None:
        flights, _ = _made()
        flight = await flights.publish(_invocation("a"))
        flights.acknowledged(_ack("a", completes=False, record={"activationId": "a"}))
        assert flights.in_flight == 1
        assert await flights.outcome(flight, 1000) == {"activationId": "a"}

    asyncio.run(scenario())


def test_without_an_ack_the_slot_is_freed_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocations, "_LEAST_LIMIT_MS", 0)
    monkeypatch.setattr(invocations, "_ADDITION_MS", 10)
    monkeypatch.setattr(invocations, "_LIMIT_FACTOR", 0)

    async def scenario() -> None:
        flights, invokers = _made()
        flight = await flights.publish(_invocation("a"))
        assert await flights.outcome(flight, 30) is None
        assert flights.in_flight == 0
        assert invokers.outcomes == [Outcome.TIMEOUT]
        flights.acknowledged(_ack("a"))  # too late
        assert invokers.outcomes == [Outcome.TIMEOUT]

    asyncio.run(scenario())


def test_health_acks_reach_the_supervision_without_a_slot() -> None:
    async def scenario() -> None:
        flights, invokers = _made()
        flights.acknowledged(Ack("x", "sid_invokerHealth", None, False, 0, system_error=True))
        assert invokers.outcomes == [Outcome.SYSTEM_ERROR]

    asyncio.run(scenario())


def test_the_ack_is_awaited_by_the_action_s_limit() -> None:
    assert ack_timeout_ms(100) == 180_000
    assert ack_timeout_ms(300_000) == 660_000


@pytest.mark.parametrize(
    "value",
    [b"", b"[]", b"{}", b'{"response": {}, "transid": ["t", 1]}', b'{"instance": 1}', b"\xff"],
)
def test_malformed_acks(value: bytes) -> None:
    with pytest.raises(MalformedAck):
        parse(value)
