"""Sends acks to the controller that asked, and the user event beside the one that ends it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from invoker_plugin.bus.interface import MessageTooLarge
from invoker_plugin.errors import SystemFault
from invoker_plugin.invoker.clock import wall_ms
from invoker_plugin.log import event
from invoker_plugin.wire import ack, jsontext
from invoker_plugin.wire.activation import ActivationMessage
from invoker_plugin.wire.event import activation_event
from invoker_plugin.wire.instance import InvokerInstance
from invoker_plugin.wire.record import ActivationRecord

logger = logging.getLogger(__name__)


class Sender(Protocol):
    """What is needed of a bus producer."""

    async def send(self, topic: str, value: bytes) -> None:
        """Send; raise ``MessageTooLarge``, or ``SystemFault`` when retries did not help."""


class Acknowledger:
    """Acks in their three forms (behaviours 129-137)."""

    def __init__(
        self,
        sender: Sender,
        instance: InvokerInstance,
        topic_prefix: str = "",
        events_topic: str | None = None,
    ) -> None:
        self._sender = sender
        self._instance = instance
        self._prefix = topic_prefix
        self._events_topic = events_topic
        self._events: set[asyncio.Future[None]] = set()

    async def result(self, message: ActivationMessage, record: ActivationRecord) -> None:
        """Answer a blocking caller; the slot stays taken until the completion."""
        await self._send(message, ack.result(record, message.transid))

    async def completion(self, message: ActivationMessage, record: ActivationRecord) -> None:
        """Free the slot; the caller was answered, or does not wait."""
        is_whisk_error = record.response.is_whisk_error
        done = ack.completion(
            message.activation_id, self._instance, is_whisk_error, message.transid
        )
        await self._send(message, done)
        self._begin_event(message, record)

    async def combined(self, message: ActivationMessage, record: ActivationRecord) -> None:
        """Answer and free the slot in one message."""
        done = ack.combined(record, self._instance, message.transid, blocking=message.blocking)
        await self._send(message, done)
        self._begin_event(message, record)

    async def shrunk(self, message: ActivationMessage, record: ActivationRecord) -> None:
        """A combined ack with the id only, whether or not the caller waits (behaviour 29)."""
        done = ack.combined(record, self._instance, message.transid, blocking=False)
        await self._send(message, done)
        self._begin_event(message, record)

    async def _send(self, message: ActivationMessage, body: ack.Ack) -> None:
        """Send; once more with the id only where the record is too large (behaviour 134)."""
        topic = f"{self._prefix}completed{message.controller}"
        try:
            try:
                await self._sender.send(topic, jsontext.encode(body))
            except MessageTooLarge:
                await self._sender.send(topic, jsontext.encode(ack.shrink(body)))
        except (SystemFault, MessageTooLarge) as fault:
            # The controller's own time-out is what remains; the record is stored all the same.
            self._lost("ack-lost", message, fault)

    def _begin_event(self, message: ActivationMessage, record: ActivationRecord) -> None:
        """Metering must not hold up the next activation: the event is sent in a task."""
        if self._events_topic is None:
            return
        task = asyncio.ensure_future(self._event(self._events_topic, message, record))
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    async def settled(self) -> None:
        """Wait for the events that are on their way."""
        while self._events:
            await asyncio.wait(set(self._events))

    async def _event(
        self, topic: str, message: ActivationMessage, record: ActivationRecord
    ) -> None:
        body: dict[str, Any] = activation_event(
            record, self._instance, message.user.namespace.uuid, wall_ms()
        )
        try:
            await self._sender.send(topic, jsontext.encode(body))
        except (SystemFault, MessageTooLarge) as fault:
            self._lost("user-event-lost", message, fault)

    def _lost(self, name: str, message: ActivationMessage, fault: Exception) -> None:
        event(
            logger,
            logging.ERROR,
            name,
            activation=message.activation_id,
            transid=message.transid.id,
            error=str(fault),
        )
