"""In the invoker's process: a bus whose broker is the load generator, over a Unix socket."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque

import frames

from invoker_plugin.bus.interface import Message, TopicSettings


class SimulatedBus:
    """Speaks to the load generator; each commit and each message sent is one round trip."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._frames: frames.Frames | None = None
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._numbers = itertools.count(1)
        self.arrived = asyncio.Event()
        self.messages: deque[Message] = deque()
        self.connected = True

    async def ensure_topic(self, name: str, settings: TopicSettings) -> None:
        """Connect; topics need no making."""
        if self._frames is None:
            loop = asyncio.get_running_loop()
            _, self._frames = await loop.create_unix_connection(
                lambda: frames.Frames(self._received), self._path
            )

    def consumer(self, topic: str, group: str, max_peek: int) -> SimulatedConsumer:
        """A consumer; the load generator has one topic only."""
        return SimulatedConsumer(self)

    def producer(self) -> SimulatedProducer:
        """A producer."""
        return SimulatedProducer(self)

    async def ask(self, kind: int, payload: bytes = b"") -> None:
        """Send a request and wait for its answer."""
        number = next(self._numbers)
        answered = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        self.send(kind, number, payload)
        await answered

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Send a frame."""
        assert self._frames is not None
        self._frames.send(kind, number, payload)

    async def close(self) -> None:
        """Hang up."""
        if self._frames is not None and self._frames.transport is not None:
            self._frames.transport.close()

    def _received(self, kind: int, number: int, payload: bytes) -> None:
        if kind == frames.MESSAGE:
            self.messages.append(Message(number, time.time_ns() // 1_000_000, payload))
            self.arrived.set()
        elif kind == frames.ANSWER:
            answered = self._waiting.pop(number)
            if not answered.done():
                answered.set_result(None)


class SimulatedConsumer:
    """Reads what the load generator pushes."""

    def __init__(self, bus: SimulatedBus) -> None:
        self._bus = bus
        self._subscribed = False
        self.connected = True

    async def poll(self, max_messages: int, timeout_ms: int) -> list[Message]:
        """What is there, else what comes within the time."""
        if not self._subscribed:
            self._subscribed = True
            self._bus.send(frames.SUBSCRIBE, 0)
        if not self._bus.messages:
            self._bus.arrived.clear()
            try:
                await asyncio.wait_for(self._bus.arrived.wait(), timeout_ms / 1000)
            except asyncio.TimeoutError:
                return []
        count = min(max_messages, len(self._bus.messages))
        return [self._bus.messages.popleft() for _ in range(count)]

    async def commit(self, offset_after: int) -> None:
        """One round trip."""
        await self._bus.ask(frames.COMMIT)

    async def keep_alive(self) -> None:
        """Nothing takes it for dead."""

    async def lag(self) -> int:
        """What was pushed and not polled."""
        return len(self._bus.messages)

    async def close(self) -> None:
        """Nothing is held."""


class SimulatedProducer:
    """Sends to the load generator."""

    def __init__(self, bus: SimulatedBus) -> None:
        self._bus = bus
        self.connected = True

    async def send(self, topic: str, value: bytes) -> None:
        """One round trip."""
        name = topic.encode()
        await self._bus.ask(frames.PRODUCE, bytes([len(name)]) + name + value)

    async def flush(self) -> None:
        """Each send waits for itself."""

    async def close(self) -> None:
        """Nothing is held."""
