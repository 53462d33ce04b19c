"""The consumer of the kafka-python transport."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import FencedInstanceIdError, KafkaError, RetriableError

from invoker_plugin.bus.interface import Fenced, Message
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

COMMIT_TRIES = 3
RETRY_PAUSE_S = 0.1
SLICE_MS = 25
_CLOSE_S = 5.0


class KafkaPythonConsumer:
    """One thread for everything, since the client is not thread-safe.

    Polls are cut into slices, between which a commit gets its turn.
    """

    def __init__(self, options: dict[str, Any], topic: str) -> None:
        self._options = options
        self._partition = TopicPartition(topic, 0)
        self._client: Any = None
        self._thread = ThreadPoolExecutor(1, f"kafka-{topic}")
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether brokers are reached and the topic is ours."""
        return self._connected

    async def poll(self, max_messages: int, timeout_ms: int) -> list[Message]:
        """See :meth:`invoker_plugin.bus.interface.Consumer.poll`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_ms / 1000
        while True:
            left_ms = round((deadline - loop.time()) * 1000)
            slice_ms = max(min(left_ms, SLICE_MS), 0)
            found = await loop.run_in_executor(self._thread, self._poll, max_messages, slice_ms)
            if found or left_ms <= SLICE_MS:
                return found

    async def commit(self, offset_after: int) -> None:
        """See :meth:`invoker_plugin.bus.interface.Consumer.commit`."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._commit, offset_after)

    async def keep_alive(self) -> None:
        """See :meth:`invoker_plugin.bus.interface.Consumer.keep_alive`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._keep_alive)

    async def lag(self) -> int:
        """See :meth:`invoker_plugin.bus.interface.Consumer.lag`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._lag)

    async def close(self) -> None:
        """See :meth:`invoker_plugin.bus.interface.Consumer.close`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
        self._thread.shutdown(wait=False)

    # -- in the client's thread -------------------------------------------------------------

    def _poll(self, max_messages: int, timeout_ms: int) -> list[Message]:
        client = self._client or self._open()
        try:
            batches = client.poll(timeout_ms=timeout_ms, max_records=max_messages)
            self._connected = self._partition in client.assignment() and bool(
                client.bootstrap_connected()
            )
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
            client = KafkaConsumer(**self._options)
            client.subscribe([self._topic])
        except (KafkaError, OSError) as failure:
            raise SystemFault(f"no Kafka consumer can be made: {_text(failure)}") from None
        self._client = client
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
        if self._client is None:
            return
        assigned = list(self._client.assignment())
        try:
            self._client.pause(*assigned)
            self._client.poll(timeout_ms=0, max_records=1)
            self._client.resume(*assigned)
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

    def _fenced(self, failure: Exception) -> Fenced:
        self._connected = False
        return Fenced(f"another process consumes topic {self._topic}: {_text(failure)}")


def _text(failure: BaseException) -> str:
    return f"{type(failure).__name__}: {failure}"


def _message_of(record: Any) -> Message:
    return Message(record.offset, max(record.timestamp, 0), record.value or b"")
