"""The confluent transport on librdkafka's own mock cluster: no broker is needed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from invoker_plugin.bus.confluent import ConfluentBus
from invoker_plugin.bus.interface import Message, MessageTooLarge
from invoker_plugin.config.kafka import KafkaSettings
from invoker_plugin.errors import ConfigurationError, SystemFault

TOPIC = "invoker0"
MESSAGE_BYTES = 100_000
DEADLINE_S = 30.0
_NOWHERE = KafkaSettings(hosts=("127.0.0.1:1",))


def _mock_bus() -> tuple[ConfluentBus, Any]:
    """Return a bus whose producer brings up a cluster, and the producer."""
    bus = ConfluentBus(_NOWHERE, MESSAGE_BYTES, {"test.mock.num.brokers": 1})
    return bus, bus.producer()


async def test_message_is_sent_and_the_bus_connected() -> None:
    bus, producer = _mock_bus()
    await asyncio.wait_for(producer.send(TOPIC, b"x"), DEADLINE_S)
    assert bus.connected
    await producer.flush()
    await bus.close()
    assert bus.connected  # nothing is left that could be disconnected


async def test_message_over_the_limit_is_told_at_once() -> None:
    bus, producer = _mock_bus()
    with pytest.raises(MessageTooLarge, match=TOPIC):
        await producer.send(TOPIC, b"x" * (MESSAGE_BYTES + 1))
    await bus.close()


async def test_without_a_broker_it_is_not_connected_and_polls_find_nothing() -> None:
    bus = ConfluentBus(_NOWHERE, MESSAGE_BYTES)
    bus.producer()
    consumer = bus.consumer(TOPIC, TOPIC, 1)
    assert await consumer.poll(1, 50) == []
    assert not bus.connected
    with pytest.raises(SystemFault, match="commit"):
        await consumer.commit(1)
    await bus.close()


async def test_client_that_is_not_assigned_for_too_long_is_made_anew() -> None:
    bus = ConfluentBus(_NOWHERE, MESSAGE_BYTES)
    consumer = bus.consumer(TOPIC, TOPIC, 1)
    assert await consumer.poll(1, 50) == []
    first = consumer._client
    assert first is not None
    assert await consumer.poll(1, 50) == []
    assert consumer._client is first, "patience"
    consumer._patience_s = 0.0
    assert await consumer.poll(1, 50) == []
    assert await consumer.poll(1, 50) == []
    assert consumer._client is not first
    await bus.close()


async def test_message_that_cannot_be_sent_is_a_system_fault_and_the_client_is_rebuilt() -> None:
    bus = ConfluentBus(_NOWHERE, MESSAGE_BYTES)
    producer = bus.producer()
    producer._options["message.timeout.ms"] = 100
    producer._client = None
    for _ in range(2):
        with pytest.raises(SystemFault, match="was not sent"):
            await asyncio.wait_for(producer.send(TOPIC, b"x"), DEADLINE_S)
        assert producer._client is None
    await bus.close()


def test_settings_without_brokers_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"kafka\.hosts"):
        ConfluentBus(KafkaSettings(), MESSAGE_BYTES)


def test_polls_never_wait_for_a_full_batch() -> None:
    """librdkafka's own batch call would hold one message back until the time is over."""
    from invoker_plugin.bus.confluent_consumer import ConfluentConsumer

    class Client:
        def __init__(self) -> None:
            self.timeouts: list[float] = []

        def poll(self, timeout_s: float) -> Any:
            self.timeouts.append(timeout_s)
            return _Arrived() if len(self.timeouts) == 1 else None

    consumer = ConfluentConsumer({}, TOPIC)
    consumer._client = client = Client()  # type: ignore[assignment]
    assert consumer._poll(10, 1.0) == [Message(5, 7, b"v")]
    assert client.timeouts == [1.0, 0]


def test_commit_to_a_client_that_was_ended_tells_why_and_has_it_rebuilt() -> None:
    """The commit itself is only told of a fatal error; a poll then tells which."""
    from invoker_plugin.bus.confluent_consumer import ConfluentConsumer

    class Client:
        closed = False
        polls = 0

        def commit(self, offsets: Any, asynchronous: bool) -> None:
            raise KafkaException(KafkaError(KafkaError._FATAL, "Local: Fatal error"))

        def poll(self, timeout_s: float) -> None:
            self.polls += 1
            if self.polls == 3:
                cause = KafkaError.FENCED_INSTANCE_ID
                consumer._told(KafkaError(cause, "Static consumer fenced", fatal=True))

        def close(self) -> None:
            self.closed = True

    consumer = ConfluentConsumer({}, TOPIC)
    consumer._client = client = Client()  # type: ignore[assignment]
    consumer._connected = True
    with pytest.raises(SystemFault, match="the place in the group of invoker0 was lost"):
        consumer._commit(1)
    assert client.closed  # type: ignore[attr-defined]
    assert consumer._client is None


class _Arrived:
    """A message as librdkafka gives it."""

    def error(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, 7

    def offset(self) -> int:
        return 5

    def value(self) -> bytes:
        return b"v"
