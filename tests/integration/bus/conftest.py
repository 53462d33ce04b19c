"""Both transports, on the devstack's Kafka."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import pytest

from invoker_plugin.bus.confluent import ConfluentBus
from invoker_plugin.bus.interface import Bus
from invoker_plugin.bus.kafka_python import KafkaPythonBus
from invoker_plugin.config.kafka import KafkaSettings
from tests.asynchronous import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]

MESSAGE_BYTES = 1_054_644
_TRANSPORTS: dict[str, Callable[[KafkaSettings, int], Bus]] = {
    "confluent": ConfluentBus,
    "kafka-python": KafkaPythonBus,
}


@pytest.fixture(params=sorted(_TRANSPORTS))
def open_bus(request: pytest.FixtureRequest, kafka_hosts: str) -> Callable[[], Bus]:
    """Return what opens a bus of one transport; the test closes it."""
    settings = KafkaSettings(hosts=tuple(kafka_hosts.split(",")))
    return lambda: _TRANSPORTS[request.param](settings, MESSAGE_BYTES)


@pytest.fixture
def topic() -> str:
    """Return a topic name that no other test uses."""
    return f"invoker-test-{uuid.uuid4().hex[:12]}"


async def until(condition: Callable[[], bool], deadline_s: float = 30.0) -> None:
    """Poll ``condition`` until it holds; fail at the deadline."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    while not condition():
        assert loop.time() < deadline, "the condition never held"
        await asyncio.sleep(0.01)
