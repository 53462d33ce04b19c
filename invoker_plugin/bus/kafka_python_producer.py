"""The producer of the kafka-python transport."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotEnoughReplicasAfterAppendError,
    RecordListTooLargeError,
    RequestTimedOutError,
)

from invoker_plugin.bus.interface import MessageTooLarge
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

_FLUSH_S = 10.0
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_UNCERTAIN = (KafkaTimeoutError, RequestTimedOutError, NotEnoughReplicasAfterAppendError)


class KafkaPythonProducer:
    """The client's own thread sends; ours only hands over, since that may wait for metadata."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._client: Any = None
        self._thread = ThreadPoolExecutor(1, "kafka-producer")
        self._connected = False
        self._closed = False
        self._under_way: set[asyncio.Future[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether brokers are reached."""
        return self._connected

    def open(self) -> None:
        """Connect ahead of the first message; a failure shows in :attr:`connected`."""
        self._thread.submit(self._try_open)

    async def send(self, topic: str, value: bytes) -> None:
        """See :meth:`invoker_plugin.bus.interface.Producer.send`."""
        loop = asyncio.get_running_loop()
        delivered: asyncio.Future[None] = loop.create_future()
        self._under_way.add(delivered)
        delivered.add_done_callback(self._under_way.discard)

        def report(failure: BaseException | None) -> None:
            loop.call_soon_threadsafe(self._settle, delivered, topic, failure)

        await loop.run_in_executor(self._thread, self._send, topic, value, report)
        await delivered

    async def flush(self) -> None:
        """See :meth:`invoker_plugin.bus.interface.Producer.flush`."""
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=_FLUSH_S)

    async def close(self) -> None:
        """See :meth:`invoker_plugin.bus.interface.Producer.close`."""
        await self.flush()
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
        self._thread.shutdown(wait=False)

    # -- in our thread ----------------------------------------------------------------------

    def _send(self, topic: str, value: bytes, report: Any) -> None:
        try:
            future = (self._client or self._open()).send(topic, value)
        except (KafkaError, OSError, AssertionError, SystemFault) as failure:
            report(failure)
            return
        future.add_callback(lambda _metadata: report(None))
        future.add_errback(report)

    def _open(self) -> Any:
        self._client = KafkaProducer(**self._options)
        self._connected = True
        return self._client

    def _try_open(self) -> None:
        try:
            self._open()
        except (KafkaError, OSError) as failure:
            event(logger, logging.WARNING, "producer-not-connected", error=str(failure))

    def _drop(self) -> None:
        client, self._client, self._connected = self._client, None, False
        if client is not None:
            client.close(timeout=1)

    # -- in the event loop ------------------------------------------------------------------

    def _settle(
        self, delivered: asyncio.Future[None], topic: str, failure: BaseException | None
    ) -> None:
        if failure is None:
            self._connected = True
        elif isinstance(failure, _UNCERTAIN):
            event(logger, logging.WARNING, "producer-rebuilt", error=str(failure))
            self._thread.submit(self._drop)
        if delivered.done():  # its sender was cancelled
            return
        if failure is None:
            delivered.set_result(None)
        elif isinstance(failure, _TOO_LARGE):
            delivered.set_exception(MessageTooLarge(f"message for {topic} is too large: {failure}"))
        else:
            text = f"message for {topic} was not sent: {type(failure).__name__}: {failure}"
            delivered.set_exception(SystemFault(text))
