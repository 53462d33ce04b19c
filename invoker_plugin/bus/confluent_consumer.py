"""The consumer of the confluent-kafka transport."""

from __future__ import annotations

import logging
import time
from typing import Any

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from invoker_plugin.bus.closing import close_within
from invoker_plugin.bus.fencing import Fencing
from invoker_plugin.bus.interface import Message
from invoker_plugin.bus.polling import PollingThread
from invoker_plugin.bus.trouble import Trouble
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

COMMIT_TRIES = 3
RETRY_PAUSE_S = 0.1
SLICE_S = 0.01
_PROBE_TIMEOUT_S = 1.0
_CAUSE_POLLS = 20
_WATERMARK_TIMEOUT_S = 5.0
_REJOIN_S = 10.0
"""Beside the session's time-out: how long librdkafka may take to join its group again."""


class ConfluentConsumer:
    """Polls and commits in a thread of its own (see :mod:`invoker_plugin.bus.polling`)."""

    def __init__(self, options: dict[str, Any], topic: str) -> None:
        self._options = options
        self._topic = topic
        self._client: Consumer | None = None
        self._thread = PollingThread(f"kafka-{topic}", SLICE_S)
        self._connected = False
        self._position: int | None = None
        self._fatal: KafkaError | None = None
        self._trouble = Trouble(logger, "kafka-trouble", topic=topic)
        self._fencing = Fencing(topic)
        self._away_since: float | None = None
        self._patience_s = options.get("session.timeout.ms", 0) / 1000 + _REJOIN_S
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
        found: list[Message] = []
        try:
            message = client.poll(timeout_s)
            while message is not None:
                error = message.error()
                if error is None:
                    found.append(_message_of(message))
                else:
                    self._judge(error)
                # One poll must not wait for a full batch: take only what is there already.
                message = client.poll(0) if len(found) < max_messages else None
        except KafkaException as failure:
            if not found:
                self._judge(failure.args[0])
        if found:
            self._connected = True
            self._position = found[-1].offset + 1
        elif self._fatal is not None:
            self._judge(self._fatal)
        elif not self._connected:
            self._probe(client)
        if self._connected:
            self._away_since = None
        return found

    def _open(self) -> Consumer:
        options = {**self._options, "error_cb": self._told}
        try:
            client = Consumer(options, logger=logger)
        except KafkaException as failure:
            raise SystemFault(f"no Kafka consumer can be made: {failure}") from None
        client.subscribe([self._topic], on_assign=self._assigned, on_lost=self._lost)
        self._fatal = None
        self._client = client
        return client

    def _judge(self, error: KafkaError) -> None:
        """Pass over what mends itself; rebuild the client for anything else."""
        if error.code() in _PASSING or (error.retriable() and not error.fatal()):
            return
        event(logger, logging.WARNING, "consumer-rebuilt", topic=self._topic, error=error.str())
        self._drop()
        if error.code() == KafkaError.FENCED_INSTANCE_ID or "fenced" in error.str().lower():
            raise self._fencing.fault(error.str())
        raise SystemFault(f"Kafka consumer of {self._topic} failed: {error.str()}")

    def _drop(self) -> None:
        client, self._client, self._connected = self._client, None, False
        if client is not None:
            close_within(client, self._topic)

    def _probe(self, client: Consumer) -> None:
        """librdkafka says when all brokers are down, and never when one is back."""
        try:
            client.list_topics(self._topic, timeout=_PROBE_TIMEOUT_S)
            self._connected = bool(client.assignment())
        except KafkaException:
            self._connected = False
        if self._connected:
            self._away_since = None
            self._trouble.over()
        else:
            self._be_patient()

    def _be_patient(self) -> None:
        """Begin anew with a new client once this one was away for too long.

        A client was seen that never joined again after its broker had been away for longer than
        the session lasts, although the brokers answered. A new one costs nothing: what was read
        and not yet committed comes again, and the feed knows it.
        """
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        away_s = now - self._away_since
        if away_s > self._patience_s:
            error = f"not assigned for {away_s:.0f} s"
            event(logger, logging.WARNING, "consumer-rebuilt", topic=self._topic, error=error)
            self._away_since = None
            self._drop()

    def _keep_alive(self) -> None:
        """Poll without taking a message: a paused partition yields none."""
        client = self._client or self._open()
        try:
            assigned = client.assignment()
            client.pause(assigned)
            message: Any = client.poll(SLICE_S)
            if message is not None and message.error() is None:
                client.seek(TopicPartition(self._topic, message.partition(), message.offset()))
            client.resume(assigned)
        except KafkaException as failure:
            self._judge(failure.args[0])
        if self._fatal is not None:
            self._judge(self._fatal)
        if not self._connected:
            self._probe(client)

    # -- told by librdkafka -----------------------------------------------------------------

    def _told(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._connected = False
        self._trouble.tell(error.name(), error.str())

    def _assigned(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        self._connected = bool(partitions)
        event(logger, logging.INFO, "topic-assigned", topic=self._topic, count=len(partitions))

    def _lost(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        self._connected = False
        event(logger, logging.WARNING, "topic-lost", topic=self._topic)

    def _commit(self, offset_after: int) -> None:
        place = TopicPartition(self._topic, 0, offset_after)
        for attempt in range(COMMIT_TRIES):
            client = self._client
            if client is None or not self._connected:
                # Without a broker librdkafka would hold this thread for 30 s.
                raise SystemFault(f"commit to {self._topic}: no connection to the brokers")
            try:
                committed = client.commit(offsets=[place], asynchronous=False)
                error = committed[0].error if committed else None
            except KafkaException as failure:
                error = failure.args[0]
            if error is None:
                return
            if error.fatal() or error.code() in _DEADLY:
                self._judge(self._cause(client) or error)
            if not error.retriable() or attempt + 1 == COMMIT_TRIES:
                raise SystemFault(f"commit to {self._topic}: {error.str()}")
            time.sleep(RETRY_PAUSE_S)

    def _cause(self, client: Consumer) -> KafkaError | None:
        """What it was that ended the client: a commit is only told that it has ended."""
        for _ in range(_CAUSE_POLLS):
            if self._fatal is not None:
                break
            client.poll(SLICE_S)  # calls error_cb
        return self._fatal

    def _lag(self) -> int:
        client, position = self._client, self._position
        if client is None:
            return 0
        try:
            place = TopicPartition(self._topic, 0)
            low, high = client.get_watermark_offsets(place, timeout=_WATERMARK_TIMEOUT_S)
            if position is None:
                committed = client.committed([place], timeout=_WATERMARK_TIMEOUT_S)[0].offset
                position = committed if committed >= 0 else low
        except KafkaException as failure:
            raise SystemFault(f"lag of {self._topic}: {failure}") from None
        return max(high - position, 0)


_DEADLY = {KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID}

_PASSING = {
    KafkaError._PARTITION_EOF,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,
    # The topic is created by us before; brokers forget it for a moment while they restart.
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    # Too long without a poll: librdkafka leaves the group and joins it again by itself.
    KafkaError._MAX_POLL_EXCEEDED,
}


def _message_of(message: Any) -> Message:
    kind, timestamp_ms = message.timestamp()
    known = kind != TIMESTAMP_NOT_AVAILABLE
    return Message(message.offset(), timestamp_ms if known else 0, message.value() or b"")
