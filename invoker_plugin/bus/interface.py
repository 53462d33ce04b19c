"""What the invoker needs of a message bus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from invoker_plugin.errors import InvokerError, SystemFault


class MessageTooLarge(InvokerError):
    """No broker takes a message of that size; sending it again is in vain."""


class Fenced(SystemFault):
    """Another process consumes under this invoker's number; this one must end."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its place in the topic, the time it was sent (ms since 1970), its bytes."""

    offset: int
    timestamp_ms: int
    value: bytes


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """How a topic is created. One partition, always: OpenWhisk's topics are queues."""

    retention_ms: int = 3_600_000
    retention_bytes: int = 1_073_741_824
    segment_bytes: int = 536_870_912
    max_message_bytes: int | None = None
    replication_factor: int = 1

    def to_config(self) -> Mapping[str, str]:
        """Return Kafka's own names and texts."""
        config = {
            "retention.ms": str(self.retention_ms),
            "retention.bytes": str(self.retention_bytes),
            "segment.bytes": str(self.segment_bytes),
        }
        if self.max_message_bytes is not None:
            config["max.message.bytes"] = str(self.max_message_bytes)
        return config


class Consumer(Protocol):
    """Reads one topic in a group. Nothing is committed but by :meth:`commit`."""

    @property
    def connected(self) -> bool:
        """Whether brokers are reached; told to who asks for readiness."""

    async def poll(self, max_messages: int, timeout_ms: int) -> list[Message]:
        """Return the next messages, none after ``timeout_ms``.

        A client that died is rebuilt here, with a growing pause, forever; after that, messages
        that were not committed come again. Raises :class:`Fenced`, and ``SystemFault`` for an
        attempt that failed.
        """

    async def commit(self, offset_after: int) -> None:
        """Make ``offset_after`` the place where this group goes on after a restart.

        Raises ``SystemFault`` when it is not known to have happened; it may have, all the same.
        """

    async def keep_alive(self) -> None:
        """Tell the brokers that this consumer lives, when it was not polled for long."""

    async def lag(self) -> int:
        """Return how many messages wait in the topic behind those that were polled."""

    async def close(self) -> None:
        """Leave; what was not committed comes again to the next."""


class Producer(Protocol):
    """Sends messages."""

    @property
    def connected(self) -> bool:
        """Whether brokers are reached."""

    async def send(self, topic: str, value: bytes) -> None:
        """Send, and return when a broker has it.

        Raises :class:`MessageTooLarge`, or ``SystemFault`` when retries did not help. What might
        have arrived is not sent again, since it could arrive twice (behaviour 136).
        """

    async def flush(self) -> None:
        """Wait until nothing is under way."""

    async def close(self) -> None:
        """Flush, and let go of the connections."""


class Bus(Protocol):
    """A connection to the brokers."""

    @property
    def connected(self) -> bool:
        """Whether every consumer and producer of it is."""

    async def ensure_topic(self, name: str, settings: TopicSettings) -> None:
        """Create a topic unless it exists; raise ``SystemFault`` when that stays impossible."""

    def consumer(self, topic: str, group: str, max_peek: int) -> Consumer:
        """Return a consumer of ``topic`` that fetches about ``max_peek`` messages ahead."""

    def producer(self) -> Producer:
        """Return a producer."""

    async def close(self) -> None:
        """Close all that was opened."""
