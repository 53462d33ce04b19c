"""The consumer of the kafka-python transport."""

from __future__ import annotations

import logging
import time
from typing import Any

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import FencedInstanceIdError, KafkaError, RetriableError

from invoker_plugin.bus.fencing import Fencing
from invoker_plugin.bus.interface import Message
from invoker_plugin.bus.polling import PollingThread
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

COMMIT_TRIES = 3
RETRY_PAUSE_S = 0.1
SLICE_S = 0.025
_CLOSE_S = 5.0


class KafkaPythonConsumer:
    """Polls and commits in a thread of its own (see :mod:`invoker_plugin.bus.polling`)."""

    def __init__(self, options: dict[str, Any], topic: str) -> None:
        self._options = options
        self._partition = TopicPartition(topic, 0)
        self._client: Any = None
        self._thread = PollingThread(f"kafka-{topic}", SLICE_S)
        self._connected = False
        self._fencing = Fencing(topic)
        self._closed = False

    @property
    def connected(self) -> bool:
        """Whether brokers are reached and the topic is ours."""
        return self._connected

    async def poll(self, max_messages: int, timeout_ms: int) -> list[Message]:
        """See :meth:`invoker_plugin.bus.interface.Consumer.poll`."""
        return await self._thread.poll(self._poll, max_messages, timeout_ms / 1000)

    async def commit(self, offset_after: int) -> None:
        """See :meth:`invoker_plugin.bus.interface.Consumer.commit`."""
        await self._thread.call(lambda: self._commit(offset_after))

    async def keep_alive(self) -> None:
        """See :meth:`invoker_plugin.bus.interface.Consumer.keep_alive`."""
        await self._thread.call(self._keep_alive)

    async def lag(self) -> int:
        """See :meth:`invoker_plugin.bus.interface.Consumer.lag`."""
        return await self._thread.call(self._lag)

    async def close(self) -> None:
        """See :meth:`invoker_plugin.bus.interface.Consumer.close`."""
        if not self._closed:
            self._closed = True
            await self._thread.call(self._drop)
            self._thread.stop()

    # -- in the client's thread -------------------------------------------------------------

    def _poll(self, max_messages: int, timeout_s: float) -> list[Message]:
        client = self._client or self._open()
        try:
            batches = client.poll(timeout_ms=round(timeout_s * 1000), max_records=max_messages)
            self._connected = self._partition in client.assignment() and _reached(client)
        except FencedInstanceIdError as failure:
            raise self._fenced(failure) from None
        except RetriableError as failure:
            self._connected = False
            raise SystemFault(f"Kafka consumer of {self._topic}: {failure}") from None
        except (KafkaError, OSError, ValueError) as failure:
            event(
                logger,
                logging.WARNING,
                "consumer-rebuilt",
                topic=self._topic,
                error=_text(failure),
            )
            self._drop()
            raise SystemFault(f"Kafka consumer of {self._topic} failed: {_text(failure)}") from None
        return [_message_of(record) for records in batches.values() for record in records]

    def _open(self) -> Any:
        try:
            self._client = client = KafkaConsumer(**self._options)
            # A consumer that joins its group before it knows of the topic is given nothing, and
            # nothing it stays: the client does not join again when the topic becomes known.
            if not client.partitions_for_topic(self._topic):
                raise SystemFault(f"topic {self._topic} is not known to the brokers yet")
            client.subscribe([self._topic])
        except (KafkaError, OSError) as failure:
            self._drop()
            raise SystemFault(f"no Kafka consumer can be made: {_text(failure)}") from None
        except SystemFault:
            self._drop()
            raise
        return client

    def _drop(self) -> None:
        client, self._client, self._connected = self._client, None, False
        if client is not None:
            try:
                client.close(autocommit=False, timeout_ms=round(_CLOSE_S * 1000))
            except (KafkaError, OSError) as failure:
                event(logger, logging.WARNING, "consumer-close-failed", error=_text(failure))

    def _keep_alive(self) -> None:
        """Poll without taking a message: a paused partition yields none."""
        client = self._client or self._open()
        assigned = list(client.assignment())
        try:
            client.pause(*assigned)
            batches = client.poll(timeout_ms=round(SLICE_S * 1000), max_records=1)
            for place, records in batches.items():  # assigned within this very poll
                client.seek(place, records[0].offset)
            client.resume(*assigned)
        except FencedInstanceIdError as failure:
            raise self._fenced(failure) from None
        except KafkaError as failure:
            raise SystemFault(f"Kafka consumer of {self._topic}: {_text(failure)}") from None

    def _commit(self, offset_after: int) -> None:
        if self._client is None:
            raise SystemFault(f"commit to {self._topic}: the consumer is being rebuilt")
        place = {self._partition: OffsetAndMetadata(offset_after, "", -1)}
        for attempt in range(COMMIT_TRIES):
            try:
                self._client.commit(place)
                return
            except FencedInstanceIdError as failure:
                raise self._fenced(failure) from None
            except KafkaError as failure:
                if not isinstance(failure, RetriableError) or attempt + 1 == COMMIT_TRIES:
                    raise SystemFault(f"commit to {self._topic}: {_text(failure)}") from None
            time.sleep(RETRY_PAUSE_S)

    def _lag(self) -> int:
        if self._client is None or self._partition not in self._client.assignment():
            return 0
        try:
            high: int = self._client.end_offsets([self._partition])[self._partition]
            position: int = self._client.position(self._partition)
        except KafkaError as failure:
            raise SystemFault(f"lag of {self._topic}: {_text(failure)}") from None
        return max(high - position, 0)

    @property
    def _topic(self) -> str:
        topic: str = self._partition.topic
        return topic

    def _fenced(self, failure: Exception) -> SystemFault:
        self._drop()
        return self._fencing.fault(_text(failure))


def _reached(client: Any) -> bool:
    """Whether any broker is connected; the client itself tells nobody that it lost them all.

    Its connections are private, and elsewhere in versions before 3, where this takes it for well.
    """
    connections = getattr(getattr(client, "_manager", None), "_conns", None)
    return connections is None or any(one.connected for one in connections.values())


def _text(failure: BaseException) -> str:
    return f"{type(failure).__name__}: {failure}"


def _message_of(record: Any) -> Message:
    return Message(record.offset, max(record.timestamp, 0), record.value or b"")
