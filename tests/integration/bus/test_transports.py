"""Both transports keep the same promises, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from invoker_plugin.bus.feed import MessageFeed
from invoker_plugin.bus.interface import (
    Bus,
    Consumer,
    Fenced,
    Message,
    MessageTooLarge,
    TopicSettings,
)
from invoker_plugin.errors import SystemFault
from tests.integration.bus.conftest import MESSAGE_BYTES, until

pytestmark = pytest.mark.kafka

TOPIC = TopicSettings(retention_ms=172_800_000, max_message_bytes=MESSAGE_BYTES)


async def take(consumer: Consumer, count: int, deadline_s: float = 40.0) -> list[Message]:
    """Poll until ``count`` messages came."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    found: list[Message] = []
    while len(found) < count:
        assert loop.time() < deadline, f"only {len(found)} of {count} messages came"
        try:
            found += await consumer.poll(count - len(found), 500)
        except SystemFault:
            await asyncio.sleep(0.1)  # as the feed does: brokers may not know the topic yet
    return found


async def commit(consumer: Consumer, offset_after: int, deadline_s: float = 40.0) -> None:
    """Commit as the feed does: one refused in a rebalance goes once the consumer joined again."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    while True:
        try:
            return await consumer.commit(offset_after)
        except Fenced:
            raise
        except SystemFault:
            assert loop.time() < deadline, f"no commit within {deadline_s} s"
            await asyncio.sleep(0.1)
        with suppress(SystemFault):
            await consumer.keep_alive()


async def poll_and_commit(consumer: Consumer, seen: list[Message]) -> None:
    """Go on as an invoker does, until it is fenced; commit also when nothing came."""
    while True:
        try:
            seen += await consumer.poll(1, 500)
            await consumer.commit(seen[-1].offset + 1)
        except Fenced:
            raise
        except SystemFault:
            await asyncio.sleep(0.1)


async def feed_until(
    bus: Bus, topic: str, seen: list[int], count: int, capacity: int = 5, max_peek: int = 8
) -> None:
    """Run a feed until ``count`` messages were handed over, and stop it."""
    consumer = bus.consumer(topic, topic, max_peek)
    feed = MessageFeed(consumer, lambda message: seen.append(message.offset), capacity, max_peek)
    running = asyncio.ensure_future(feed.run())
    while len(seen) < count:
        # A message counts as in flight before its handler has run: the last may be seen after that.
        await until(lambda: feed.in_flight > 0 or len(seen) >= count)
        feed.processed(feed.in_flight)
    feed.stop()
    await running


async def test_topic_is_created_as_captured_and_may_exist(
    open_bus: Callable[[], Bus], topic: str, kafka_hosts: str
) -> None:
    bus = open_bus()
    await bus.ensure_topic(topic, TOPIC)
    await bus.ensure_topic(topic, TOPIC)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": kafka_hosts})
    described = admin.describe_configs([resource])[resource].result()
    config = {name: entry.value for name, entry in described.items()}
    assert {name: config[name] for name in TOPIC.to_config()} == TOPIC.to_config()
    await bus.close()


async def test_messages_arrive_in_order_with_their_places_and_times(
    open_bus: Callable[[], Bus], topic: str
) -> None:
    bus = open_bus()
    await bus.ensure_topic(topic, TOPIC)
    producer = bus.producer()
    values = [b"%d" % number for number in range(50)]
    for value in values[:10]:
        await producer.send(topic, value)
    await asyncio.gather(*(producer.send(topic, value) for value in values[10:]))
    consumer = bus.consumer(topic, topic, 20)
    found = await take(consumer, 50)
    assert sorted(int(message.value) for message in found) == list(range(50))
    assert [message.value for message in found[:10]] == values[:10]
    assert [message.offset for message in found] == list(range(50))
    assert all(message.timestamp_ms > 1_600_000_000_000 for message in found)
    assert await consumer.lag() == 0
    assert bus.connected
    await bus.close()


async def test_one_poll_yields_no_more_than_asked_and_lag_counts_the_rest(
    open_bus: Callable[[], Bus], topic: str
) -> None:
    bus = open_bus()
    await bus.ensure_topic(topic, TOPIC)
    producer = bus.producer()
    await asyncio.gather(*(producer.send(topic, b"x") for _ in range(10)))
    consumer = bus.consumer(topic, topic, 4)
    found = await take(consumer, 1)
    found += await consumer.poll(4, 20_000)
    assert len(found) <= 1 + 4
    assert await consumer.lag() == 10 - len(found)
    await bus.close()


async def test_restart_goes_on_where_it_was_committed(
    open_bus: Callable[[], Bus], topic: str
) -> None:
    first = open_bus()
    await first.ensure_topic(topic, TOPIC)
    producer = first.producer()
    for number in range(6):
        await producer.send(topic, b"%d" % number)
    consumer = first.consumer(topic, topic, 6)
    found = await take(consumer, 6)
    await commit(consumer, found[2].offset + 1)
    await first.close()

    second = open_bus()
    again = await take(second.consumer(topic, topic, 6), 3)
    assert [message.value for message in again] == [b"3", b"4", b"5"]
    await second.close()


async def test_commit_waits_for_no_poll(open_bus: Callable[[], Bus], topic: str) -> None:
    bus = open_bus()
    await bus.ensure_topic(topic, TOPIC)
    await bus.producer().send(topic, b"x")
    consumer = bus.consumer(topic, topic, 1)
    (message,) = await take(consumer, 1)
    polling = asyncio.ensure_future(consumer.poll(1, 20_000))
    await asyncio.wait_for(consumer.commit(message.offset + 1), 10)
    assert not polling.done()
    polling.cancel()
    await bus.close()


async def test_message_over_the_limit_is_told_and_the_next_one_goes(
    open_bus: Callable[[], Bus], topic: str
) -> None:
    bus = open_bus()
    await bus.ensure_topic(topic, TOPIC)
    producer = bus.producer()
    with pytest.raises(MessageTooLarge, match=topic):
        await producer.send(topic, b"x" * (MESSAGE_BYTES + 1))
    await producer.send(topic, b"y" * (MESSAGE_BYTES - 1_000))
    (message,) = await take(bus.consumer(topic, topic, 1), 1)
    assert message.value == b"y" * (MESSAGE_BYTES - 1_000)
    await bus.close()


async def test_message_over_the_topics_limit_is_told(
    open_bus: Callable[[], Bus], topic: str
) -> None:
    bus = open_bus()
    await bus.ensure_topic(topic, TopicSettings(max_message_bytes=1_000))
    with pytest.raises(MessageTooLarge, match=topic):
        await bus.producer().send(topic, b"x" * 10_000)
    await bus.close()


async def test_of_two_consumers_of_one_number_one_ends(
    open_bus: Callable[[], Bus], topic: str
) -> None:
    buses = [open_bus(), open_bus()]
    await buses[0].ensure_topic(topic, TOPIC)
    await buses[0].producer().send(topic, b"0")
    consumers = [bus.consumer(topic, topic, 1) for bus in buses]
    seen = [await take(consumers[0], 1)] * 2
    twins = [
        asyncio.ensure_future(poll_and_commit(consumer, list(messages)))
        for consumer, messages in zip(consumers, seen, strict=True)
    ]
    done, left = await asyncio.wait(twins, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    assert [type(task.exception()) for task in done] == [Fenced]
    (survivor,) = left
    await asyncio.sleep(0)
    assert not survivor.done()
    survivor.cancel()
    await asyncio.wait({survivor})
    for bus in buses:
        await bus.close()


async def test_feed_hands_everything_over_once_across_a_restart(
    open_bus: Callable[[], Bus], topic: str
) -> None:
    seen: list[int] = []
    bus = open_bus()
    await bus.ensure_topic(topic, TOPIC)
    producer = bus.producer()
    await asyncio.gather(*(producer.send(topic, b"%d" % number) for number in range(40)))
    for stop_after in (15, 40):
        feeding = open_bus()
        await feed_until(feeding, topic, seen, stop_after)
        await feeding.close()
    assert seen == list(range(40))
    await bus.close()


async def test_full_consumer_stays_alive_and_loses_nothing(
    open_bus: Callable[[], Bus], topic: str
) -> None:
    bus = open_bus()
    await bus.ensure_topic(topic, TOPIC)
    producer = bus.producer()
    for number in range(4):
        await producer.send(topic, b"%d" % number)
    consumer = bus.consumer(topic, topic, 2)
    found = await take(consumer, 2)
    for _ in range(3):
        await consumer.keep_alive()
    found += await take(consumer, 2)
    assert [message.value for message in found] == [b"0", b"1", b"2", b"3"]
    await bus.close()
