"""An in-memory bus: whole flows run on it in tests, without a broker.

It outlives its consumers and producers, as Kafka does: closing a consumer and opening another in
the same group is what a restart looks like.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from invoker_plugin.bus.interface import Message, MessageTooLarge, TopicSettings
from invoker_plugin.errors import SystemFault

_ORIGIN_MS = 1_700_000_000_000
"""Time stamps are this plus the count of messages ever sent, so that they never repeat."""


@dataclass
class _Topic:
    settings: TopicSettings = field(default_factory=TopicSettings)
    messages: list[Message] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


class MemoryBus:
    """``failing_commits`` and ``failing_polls`` count attempts that are yet to fail.

    With ``commits_land`` a failing commit takes effect all the same, as one does whose answer is
    lost on the way.
    """

    def __init__(self, max_message_bytes: int = 1_054_644) -> None:
        self.topics: dict[str, _Topic] = {}
        self.committed: dict[tuple[str, str], int] = {}
        self.failing_commits = 0
        self.failing_polls = 0
        self.failing_sends = 0
        self.commits_land = False
        self.connected = True
        self._max_message_bytes = max_message_bytes
        self._sent = 0

    async def ensure_topic(self, name: str, settings: TopicSettings) -> None:
        """Create the topic unless it exists."""
        self.topics.setdefault(name, _Topic(settings))

    def consumer(self, topic: str, group: str, max_peek: int) -> MemoryConsumer:
        """Return a consumer that begins where its group last committed."""
        return MemoryConsumer(self, topic, group)

    def producer(self) -> MemoryProducer:
        """Return a producer."""
        return MemoryProducer(self)

    async def close(self) -> None:
        """Keep everything: a closed bus is still read by the test."""

    def values(self, topic: str) -> list[bytes]:
        """Return what was ever sent to ``topic``."""
        return [message.value for message in self._topic(topic).messages]

    def put(self, topic: str, value: bytes) -> Message:
        """Append to a topic at once."""
        if len(value) > self._max_message_bytes:
            raise MessageTooLarge(f"a message of {len(value)} bytes is too large for {topic}")
        self._sent += 1
        queue = self._topic(topic)
        message = Message(len(queue.messages), _ORIGIN_MS + self._sent, value)
        queue.messages.append(message)
        queue.arrived.set()
        return message

    def recreate(self, topic: str) -> None:
        """Delete a topic and create it again: its offsets begin anew."""
        self.topics[topic] = _Topic(self._topic(topic).settings)
        for key in [key for key in self.committed if key[0] == topic]:
            del self.committed[key]

    def _topic(self, name: str) -> _Topic:
        return self.topics.setdefault(name, _Topic())


class MemoryConsumer:
    """Reads one topic of a :class:`MemoryBus`."""

    def __init__(self, bus: MemoryBus, topic: str, group: str) -> None:
        self._bus = bus
        self._topic = topic
        self._key = (topic, group)
        self.position = bus.committed.get(self._key, 0)
        self.kept_alive = 0

    @property
    def connected(self) -> bool:
        """What the bus says."""
        return self._bus.connected

    async def poll(self, max_messages: int, timeout_ms: int) -> list[Message]:
        """Return the next messages, none after ``timeout_ms``."""
        if self._bus.failing_polls > 0:
            self._bus.failing_polls -= 1
            self.rebuild()
            raise SystemFault("poll failed, as the test wanted")
        queue = self._bus._topic(self._topic)
        if self.position >= len(queue.messages):
            queue.arrived.clear()
            try:
                await asyncio.wait_for(queue.arrived.wait(), timeout_ms / 1000)
            except asyncio.TimeoutError:
                return []
            queue = self._bus._topic(self._topic)
        found = queue.messages[self.position : self.position + max_messages]
        self.position += len(found)
        return found

    async def commit(self, offset_after: int) -> None:
        """Commit, or fail as the test wanted."""
        fails = self._bus.failing_commits > 0
        if not fails or self._bus.commits_land:
            self._bus.committed[self._key] = offset_after
        await asyncio.sleep(0)
        if fails:
            self._bus.failing_commits -= 1
            raise SystemFault("commit failed, as the test wanted")

    def rebuild(self) -> None:
        """Begin again where the group last committed, as a rebuilt client does."""
        self.position = self._bus.committed.get(self._key, 0)

    async def keep_alive(self) -> None:
        """Count, for the test to see."""
        self.kept_alive += 1

    async def lag(self) -> int:
        """Return how many messages were not polled yet."""
        return max(len(self._bus._topic(self._topic).messages) - self.position, 0)

    async def close(self) -> None:
        """Nothing is held."""


class MemoryProducer:
    """Sends to a :class:`MemoryBus`."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    @property
    def connected(self) -> bool:
        """What the bus says."""
        return self._bus.connected

    async def send(self, topic: str, value: bytes) -> None:
        """Send, or fail as the test wanted."""
        await asyncio.sleep(0)
        if self._bus.failing_sends > 0:
            self._bus.failing_sends -= 1
            raise SystemFault("send failed, as the test wanted")
        self._bus.put(topic, value)

    async def flush(self) -> None:
        """Nothing is ever under way."""

    async def close(self) -> None:
        """Nothing is held."""
