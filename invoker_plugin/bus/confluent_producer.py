"""The producer of the confluent-kafka transport."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from invoker_plugin.bus.interface import MessageTooLarge
from invoker_plugin.bus.trouble import Trouble
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

_POLL_S = 0.5
_FLUSH_S = 10.0
_PROBE_PAUSE_S = 0.2
_PROBE_TIMEOUT_S = 1.0
_FULL_PAUSE_S = 0.01


class ConfluentProducer:
    """librdkafka sends and retries in its own threads; one of ours takes the deliveries' reports.

    What cannot be mended, and what might have arrived (a time-out), rebuilds the client.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = {**options, "error_cb": self._told}
        self._client: Producer | None = None
        self._connected = False
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._under_way: set[asyncio.Future[None]] = set()
        self._reports: deque[tuple[asyncio.Future[None], str, KafkaError | None]] = deque()
        self._waking = False
        self._trouble = Trouble(logger, "kafka-trouble")

    @property
    def connected(self) -> bool:
        """Whether brokers are reached."""
        return self._connected

    def open(self) -> None:
        """Connect ahead of the first message."""
        self._open()

    async def send(self, topic: str, value: bytes) -> None:
        """See :meth:`invoker_plugin.bus.interface.Producer.send`."""
        loop = asyncio.get_running_loop()
        delivered: asyncio.Future[None] = loop.create_future()

        def report(error: KafkaError | None, _message: Any) -> None:
            # Reports come in bursts, and one waking of the event loop is enough for all of one.
            self._reports.append((delivered, topic, error))
            if not self._waking:
                self._waking = True
                loop.call_soon_threadsafe(self._settle_all)

        client = self._open()
        while True:
            try:
                client.produce(topic, value, on_delivery=report)
                break
            except BufferError:
                await asyncio.sleep(_FULL_PAUSE_S)
            except KafkaException as failure:
                raise self._fault(topic, failure.args[0]) from None
        self._under_way.add(delivered)
        delivered.add_done_callback(self._under_way.discard)
        await delivered

    async def flush(self) -> None:
        """See :meth:`invoker_plugin.bus.interface.Producer.flush`."""
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=_FLUSH_S)

    async def close(self) -> None:
        """See :meth:`invoker_plugin.bus.interface.Producer.close`."""
        await self.flush()
        self._closing.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, thread.join)
        self._client = None
        self._connected = False

    def _open(self) -> Producer:
        if self._client is not None:
            return self._client
        try:
            self._client = Producer(self._options, logger=logger)
        except KafkaException as failure:
            raise SystemFault(f"no Kafka producer can be made: {failure}") from None
        if self._thread is None:
            self._closing.clear()
            self._thread = threading.Thread(target=self._serve, name="kafka-reports", daemon=True)
            self._thread.start()
        return self._client

    def _serve(self) -> None:
        """Take reports until closed; poll returns at once when there is one."""
        while not self._closing.is_set():
            client = self._client
            if client is None:
                self._closing.wait(_POLL_S)
                continue
            client.poll(_POLL_S)
            if not self._connected:
                self._probe(client)
                self._closing.wait(_PROBE_PAUSE_S)

    def _probe(self, client: Producer) -> None:
        try:
            client.list_topics(timeout=_PROBE_TIMEOUT_S)
        except KafkaException:
            return
        self._connected = True
        self._trouble.over()

    def _settle_all(self) -> None:
        """Take all reports there are; one that comes from now on wakes the loop again."""
        self._waking = False
        while self._reports:
            self._settle(*self._reports.popleft())

    def _settle(
        self, delivered: asyncio.Future[None], topic: str, error: KafkaError | None
    ) -> None:
        if delivered.done():  # its sender was cancelled
            return
        if error is None:
            self._connected = True
            delivered.set_result(None)
        else:
            delivered.set_exception(self._fault(topic, error))

    def _fault(self, topic: str, error: KafkaError) -> MessageTooLarge | SystemFault:
        if error.code() in _TOO_LARGE:
            return MessageTooLarge(f"message for {topic} is too large: {error.str()}")
        if error.fatal() or error.code() in _UNCERTAIN:
            self._rebuild(error)
        return SystemFault(f"message for {topic} was not sent: {error.str()}")

    def _rebuild(self, error: KafkaError) -> None:
        """Forget the client; what it still holds ends in its own reports as it is collected."""
        event(logger, logging.WARNING, "producer-rebuilt", error=error.str())
        client, self._client, self._connected = self._client, None, False
        if client is not None:
            # Reports of what was under way: each sender learns of it now and not never.
            client.purge(in_flight=True)
            client.flush(0)

    def _told(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._connected = False
        self._trouble.tell(error.name(), error.str())


_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE}
_UNCERTAIN = {
    KafkaError._TIMED_OUT,
    KafkaError._MSG_TIMED_OUT,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
}
