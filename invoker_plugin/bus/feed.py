"""Hands messages to the flow, no more at once than it can take (behaviours 3 to 11).

One deliberate difference from the stock invoker, which commits a batch as soon as it was polled:
here a message is committed when it is dispatched. So a crash loses nothing that was never handed
over (it comes again), and runs nothing twice (what was handed over is known to be).

With a journal (:mod:`invoker_plugin.bus.journal`) that is written down on this host before the
handler runs, and the commit follows within a tenth of a second. Without one the commit itself comes
first: one that fails dispatches nothing; the messages stay and it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import islice

from invoker_plugin.bus.interface import Consumer, Fenced, Message
from invoker_plugin.bus.journal import Journal
from invoker_plugin.errors import ConfigurationError, SystemFault
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

Handler = Callable[[Message], Awaitable[None] | None]

POLL_TIMEOUT_MS = 1_000
KEEP_ALIVE_MS = 60_000
LEAST_PAUSE_S = 0.1
MOST_PAUSE_S = 5.0
COMMIT_PAUSE_S = 0.1
"""Between two commits of what is in the journal already."""
SILENCE_S = 45.0
"""A poll that takes longer hangs: it should return after ``POLL_TIMEOUT_MS``, and a commit that a
dying broker holds up takes 30 s."""


class MessageFeed:
    """Reads ahead, dispatches, and waits for places to become free.

    ``handler`` must not block; it runs as a task of its own, in the messages' order up to its first
    wait. ``capacity`` is
    how many messages may be handed over and not yet :meth:`processed`; ``max_peek`` is how many
    one poll may yield. At most ``2 * capacity`` messages wait here, so that back pressure reaches
    Kafka. What ``journal`` says was handed over by an earlier process is passed over.
    """

    def __init__(
        self,
        consumer: Consumer,
        handler: Handler,
        capacity: int,
        max_peek: int,
        journal: Journal | None = None,
    ) -> None:
        if capacity < 1 or max_peek < 1:
            raise ConfigurationError(
                f"a feed needs a capacity ({capacity}) and a peek ({max_peek}) of 1 or more"
            )
        if max_peek > 2 * capacity:
            raise ConfigurationError(
                f"one peek of {max_peek} messages may yield more than the {2 * capacity} "
                f"that wait at most for a capacity of {capacity}"
            )
        self._consumer = consumer
        self._handler = handler
        self._capacity = capacity
        self._max_peek = max_peek
        self._free = capacity
        self._buffer: deque[Message] = deque()
        self._journal = journal
        # Offset after the newest message that was read, or that an earlier process handed over.
        self._read_to = journal.offset_after if journal is not None else 0
        self._newest_ms = journal.newest_ms if journal is not None else 0
        self._to_commit: int | None = None
        self._uncommitted = asyncio.Event()
        self._stopped = asyncio.Event()
        self._filling: asyncio.Task[None] | None = None
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._handlers: set[asyncio.Task[None]] = set()
        self._polled_s = self._turned_s = time.monotonic()
        self._full = False

    @property
    def buffered(self) -> int:
        """Messages that were polled and not yet handed over."""
        return len(self._buffer)

    @property
    def in_flight(self) -> int:
        """Messages that were handed over and are not processed yet."""
        return self._capacity - self._free

    def processed(self, count: int = 1) -> None:
        """Free ``count`` places; more than were taken are an error of the caller, and ignored."""
        if count > self.in_flight:
            event(logger, logging.ERROR, "feed-over-capacity", count=count, taken=self.in_flight)
        self._free = min(self._free + count, self._capacity)
        self._work.set()

    def stuck(self) -> str | None:
        """Which poll hangs, in words, or ``None``. Polls that fail do not hang: they go on."""
        silent_s = time.monotonic() - self._turned_s
        if self._full or silent_s < SILENCE_S:
            return None
        return "the consumer's poll does not return"

    def silent(self) -> str | None:
        """Why nothing would be consumed now, in words; ``None`` while it polls, or has enough."""
        silent_s = time.monotonic() - self._polled_s
        if self._full or silent_s < SILENCE_S:
            return None
        return "the consumer's polls fail"

    async def run(self) -> None:
        """Feed until :meth:`stop`; raise :class:`~invoker_plugin.bus.interface.Fenced`."""
        self._polled_s = self._turned_s = time.monotonic()
        self._filling = asyncio.ensure_future(self._fill())
        dispatching = asyncio.ensure_future(self._dispatch())
        committing = asyncio.ensure_future(self._commit_behind())
        tasks = {self._filling, dispatching, committing}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self.stop()
            # Never cancelled: a batch whose commit is under way is handed over all the same.
            await asyncio.wait(tasks)
        for task in (self._filling, dispatching, committing):
            if not task.cancelled():
                task.result()

    def stop(self) -> None:
        """Poll and hand over nothing more; what waits here was not committed and comes again."""
        self._stopped.set()
        self._work.set()
        self._room.set()
        self._uncommitted.set()
        if self._filling is not None:
            self._filling.cancel()

    # -- reading ahead ----------------------------------------------------------------------

    async def _fill(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            self._turned_s = time.monotonic()
            if self.buffered > 2 * self._capacity - self._max_peek:
                await self._drain()
                continue
            try:
                self._take(await self._consumer.poll(self._max_peek, POLL_TIMEOUT_MS))
                failures = 0
                self._polled_s = time.monotonic()
                # Its commit goes before the next poll, which it would otherwise have to wait for.
                await asyncio.sleep(0)
            except SystemFault as fault:
                failures += 1
                await self._pause("poll", fault, failures)

    async def _drain(self) -> None:
        """Wait for room, and meanwhile keep the brokers from taking us for dead."""
        self._room.clear()
        self._full = True
        try:
            await asyncio.wait_for(self._room.wait(), KEEP_ALIVE_MS / 1000)
        except asyncio.TimeoutError:
            self._full = False
            self._turned_s = time.monotonic()
            await self._keep_alive()
        finally:
            self._full = False
            self._polled_s = self._turned_s = time.monotonic()

    async def _keep_alive(self) -> None:
        """A client that died is rebuilt as it is polled, and only here while enough wait."""
        try:
            await self._consumer.keep_alive()
        except Fenced:
            raise
        except SystemFault as fault:
            event(logger, logging.WARNING, "feed-failed", what="keep-alive", error=str(fault))

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            if not self._seen(message):
                self._buffer.append(message)
                self._read_to = message.offset + 1
                self._newest_ms = max(self._newest_ms, message.timestamp_ms)
        if messages:
            self._work.set()

    def _seen(self, message: Message) -> bool:
        """Whether a rebuilt consumer delivers again what we, or the process before us, had.

        A topic that was deleted and created again begins at offset 0 with messages that are
        newer than any before, and those are not the same.
        """
        if message.offset >= self._read_to:
            return False
        if message.timestamp_ms <= self._newest_ms:
            return True
        event(logger, logging.WARNING, "topic-begins-anew", offset=message.offset)
        self._buffer.clear()
        return False

    # -- handing over -----------------------------------------------------------------------

    async def _dispatch(self) -> None:
        failures = 0
        while True:
            batch = list(islice(self._buffer, self._free))
            if self._stopped.is_set():
                return
            if not batch:
                self._work.clear()
                await self._work.wait()
                continue
            offset_after = batch[-1].offset + 1
            if self._journalled(offset_after):
                self._to_commit = offset_after
                self._uncommitted.set()
                self._hand_over(batch)
                # Its handlers begin before the next batch is looked at.
                await asyncio.sleep(0)
                continue
            try:
                await self._consumer.commit(offset_after)
            except SystemFault as fault:
                failures += 1
                await self._pause("commit", fault, failures)
                await self._keep_alive()
                continue
            failures = 0
            self._hand_over(batch)

    def _journalled(self, offset_after: int) -> bool:
        """Whether the journal has it; one that fails is given up, and commits come first again."""
        if self._journal is None:
            return False
        try:
            self._journal.write(offset_after, self._newest_ms)
        except OSError as error:
            event(logger, logging.ERROR, "journal-failed", error=error.strerror or str(error))
            # Nor may an older place be committed after those that come now.
            self._journal, self._to_commit = None, None
            return False
        return True

    async def _commit_behind(self) -> None:
        """Commit what the journal has, not for each batch but now and then, and at the end."""
        failures = 0
        while True:
            await self._uncommitted.wait()
            if not self._stopped.is_set():
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), COMMIT_PAUSE_S)
            self._uncommitted.clear()
            ending, offset_after = self._stopped.is_set(), self._to_commit
            try:
                if offset_after is not None:
                    await self._consumer.commit(offset_after)
                    failures = 0
                    if self._to_commit == offset_after:
                        self._to_commit = None
            except SystemFault as fault:
                failures += 1
                self._uncommitted.set()
                await self._pause("commit", fault, failures)
                if not ending:
                    await self._keep_alive()
            if ending:
                # What is not committed now is in the journal, for the next process on this host.
                return

    def _hand_over(self, batch: list[Message]) -> None:
        for message in batch:
            # The buffer may have been cleared while the commit was under way.
            if self._buffer and self._buffer[0] is message:
                self._buffer.popleft()
            self._free -= 1
            task = asyncio.ensure_future(self._call(message))
            self._handlers.add(task)
            task.add_done_callback(partial(self._called, message))
        self._room.set()

    async def _call(self, message: Message) -> None:
        awaitable = self._handler(message)
        if awaitable is not None:
            await awaitable

    def _called(self, message: Message, task: asyncio.Task[None]) -> None:
        """A handler answers for its own errors; one that escapes would else keep its place."""
        self._handlers.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            event(
                logger,
                logging.ERROR,
                "message-handler-failed",
                offset=message.offset,
                error=f"{type(fault).__name__}: {fault}",
            )
            self.processed()

    async def _pause(self, what: str, fault: SystemFault, failures: int) -> None:
        if isinstance(fault, Fenced):
            raise fault
        pause_s = min(LEAST_PAUSE_S * 2 ** (failures - 1), MOST_PAUSE_S)
        level = logging.WARNING if failures in (1, 10) or failures % 100 == 0 else logging.DEBUG
        event(
            logger,
            level,
            "feed-failed",
            what=what,
            error=str(fault),
            failures=failures,
            pause_ms=round(pause_s * 1000),
        )
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), pause_s)
