"""Pings go out while all is well, and say goodbye once."""

from __future__ import annotations

import asyncio
import json

import pytest

from invoker_plugin.errors import SystemFault
from invoker_plugin.health import pinger as module
from invoker_plugin.health.pinger import Pinger
from invoker_plugin.wire.instance import InvokerInstance

INSTANCE = InvokerInstance(3, "invoker3", None, 1024)


class Bus:
    """Notes pings; fails while ``broken``."""

    def __init__(self) -> None:
        self.enabled: list[bool] = []
        self.broken = False
        self.tries = 0
        self.changed = asyncio.Event()

    async def send(self, topic: str, value: bytes) -> None:
        self.tries += 1
        self.changed.set()
        if self.broken:
            raise SystemFault("Kafka is away")
        self.enabled.append(json.loads(value)["isEnabled"])

    async def until_tries(self, count: int) -> None:
        while self.tries < count:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 5)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_PERIOD_S", 0.005)


def test_pings_until_stopped_then_one_goodbye() -> None:
    async def scenario() -> None:
        bus = Bus()
        pinger = Pinger(bus, "health", INSTANCE, [])
        pinger.start()
        await bus.until_tries(3)
        await pinger.stop()
        assert set(bus.enabled[:-1]) == {True}
        assert bus.enabled[-1] is False

    asyncio.run(scenario())


def test_a_failed_ping_is_not_the_end() -> None:
    async def scenario() -> None:
        bus = Bus()
        bus.broken = True
        pinger = Pinger(bus, "health", INSTANCE, [])
        pinger.start()
        await bus.until_tries(2)
        bus.broken = False
        await bus.until_tries(4)
        await pinger.stop()
        assert True in bus.enabled

    asyncio.run(scenario())


def test_no_ping_while_a_vital_is_ill() -> None:
    async def scenario() -> None:
        bus = Bus()
        ill = ["Docker does not answer"]
        asked = asyncio.Event()

        async def docker() -> str | None:
            asked.set()
            return ill[0] if ill else None

        pinger = Pinger(bus, "health", INSTANCE, [docker])
        pinger.start()
        await asyncio.wait_for(asked.wait(), 5)
        assert bus.enabled == []
        ill.clear()
        await bus.until_tries(1)
        assert bus.enabled[0] is True
        await pinger.stop()

    asyncio.run(scenario())
