"""Kafka for asyncio, on confluent-kafka: tail a topic from its end, send to one.

The controller needs no consumer group: what was acknowledged or pinged before it started is of no
use to it. So it reads partition 0 from the end that it found at start, and joins at once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

logger = logging.getLogger(__name__)
_ADMIN_SECONDS = 30.0
_POLL_SECONDS = 0.5
_BATCH = 500
_MAX_MESSAGE_BYTES = 2 * 1024 * 1024
_CRITICAL_ONLY = 2
_REPEAT_SECONDS = 10.0
_LEADER_PAUSE_SECONDS = 0.1
_NO_LEADER_YET = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
ACK_TOPIC = {"max.message.bytes": "1054644"}
PLAIN_TOPIC: Mapping[str, str] = {}
_RETENTION = {
    "retention.bytes": "1073741824",
    "retention.ms": "3600000",
    "segment.bytes": "536870912",
}


class BusFault(Exception):
    """Kafka cannot be reached or refuses; the text is one line."""


@dataclass(frozen=True)
class Received:
    """A message and the broker's time of it."""

    timestamp_ms: int
    value: bytes


class Bus:
    """One producer, and a thread for each tailed topic; ``prefix`` precedes every topic's name."""

    def __init__(self, hosts: str, prefix: str = "") -> None:
        self._hosts = hosts
        self._prefix = prefix
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._producer = Producer(
            {
                **_common(hosts),
                "acks": "all",
                "linger.ms": 0,
                "message.max.bytes": _MAX_MESSAGE_BYTES,
                "message.timeout.ms": 30_000,
            },
        )

    async def start(self, topics: Mapping[str, Mapping[str, str]]) -> None:
        """Make sure that ``topics`` (name: settings) exist; raises :class:`BusFault`."""
        await asyncio.to_thread(self._ensure, topics)
        self._start_thread("kafka-producer", self._serve_producer)

    async def tail(self, topic: str, handle: Callable[[Received], None]) -> None:
        """From now on give every new message of ``topic`` to ``handle``, in the event loop."""
        loop = asyncio.get_running_loop()
        consumer = await asyncio.to_thread(self._positioned, self._prefix + topic)

        def deliver(messages: list[Received]) -> None:
            for message in messages:
                handle(message)

        def read() -> None:
            try:
                while not self._stopping.is_set():
                    batch = _read(consumer)
                    if batch:
                        loop.call_soon_threadsafe(deliver, batch)
            finally:
                consumer.close()

        self._start_thread(f"kafka-{topic}", read)

    async def send(self, topic: str, value: bytes) -> None:
        """Send, and wait until the broker has it; raises :class:`BusFault`."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(error: KafkaError | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(BusFault(f"cannot send to {topic}: {error.str()}"))

        def delivered(error: KafkaError | None, _message: KafkaMessage) -> None:
            loop.call_soon_threadsafe(settle, error)

        try:
            self._producer.produce(self._prefix + topic, value, on_delivery=delivered)
        except (KafkaException, BufferError) as error:
            raise BusFault(f"cannot send to {topic}: {error}") from error
        await done

    async def close(self) -> None:
        """Stop the threads after what was sent has left."""
        await asyncio.to_thread(self._producer.flush, 5.0)
        self._stopping.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _start_thread(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _serve_producer(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(_POLL_SECONDS)

    def _ensure(self, topics: Mapping[str, Mapping[str, str]]) -> None:
        admin = AdminClient(_common(self._hosts))
        wanted = [
            NewTopic(
                self._prefix + name,
                num_partitions=1,
                replication_factor=1,
                config={**_RETENTION, **settings},
            )
            for name, settings in topics.items()
        ]
        futures = admin.create_topics(wanted, request_timeout=_ADMIN_SECONDS)
        for name, future in futures.items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise BusFault(
                        f"cannot create topic {name} at {self._hosts}: {error.args[0].str()}"
                    ) from error

    def _positioned(self, topic: str) -> Consumer:
        consumer = Consumer(
            {
                **_common(self._hosts),
                "group.id": f"{topic}-tail",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
                "max.partition.fetch.bytes": _MAX_MESSAGE_BYTES,
            },
        )
        try:
            end = _end_of(consumer, topic)
            # Given, not OFFSET_END: that would be resolved later, after the first message.
            consumer.assign([TopicPartition(topic, 0, end)])
        except KafkaException as error:
            consumer.close()
            raise BusFault(f"cannot read topic {topic}: {error.args[0].str()}") from error
        return consumer


def _common(hosts: str) -> dict[str, Any]:
    """Of every client: where, and one line for each trouble instead of one for each attempt."""
    return {
        "bootstrap.servers": hosts,
        "reconnect.backoff.ms": 250,
        "reconnect.backoff.max.ms": 5000,
        "log_level": _CRITICAL_ONLY,
        "error_cb": _Troubles(),
    }


class _Troubles:
    """Logs what librdkafka reports; the same again only after a while."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Called by librdkafka, from whichever thread polls."""
        now = time.monotonic()
        if now - self._logged.get(error.name(), -_REPEAT_SECONDS) >= _REPEAT_SECONDS:
            self._logged[error.name()] = now
            logger.warning("kafka: %s", error.str())


def _end_of(consumer: Consumer, topic: str) -> int:
    """The offset after the last message; a topic just created may need a moment for a leader."""
    deadline = time.monotonic() + _ADMIN_SECONDS
    while True:
        try:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), _ADMIN_SECONDS)
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                raise
            time.sleep(_LEADER_PAUSE_SECONDS)
        else:
            return int(end)


def _read(consumer: Consumer) -> list[Received]:
    """The messages at hand, waiting for the first; errors are logged, librdkafka reconnects."""
    first = consumer.poll(_POLL_SECONDS)
    if first is None:
        return []
    received = []
    for message in [first, *consumer.consume(_BATCH, 0)]:
        error, value = message.error(), message.value()
        if error is not None:
            logger.warning("kafka: %s", error.str())
        elif value is not None:
            received.append(Received(message.timestamp()[1], value))
    return received
