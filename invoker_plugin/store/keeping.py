"""Keeps records until the store has them: on disk all of them, in memory the first ones."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.log import event
from invoker_plugin.store.spool import Entry, Segment, Spool
from invoker_plugin.store.spool.entry import EXPECTED, RECORD

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Waiting:
    """A record on its way; ``tries`` counts writes that failed, or whose answer was lost.

    ``segment`` is where it is on disk; ``gone`` is set for one that is in memory only, and done
    when it need not be there any more.
    """

    key: str
    body: bytes
    since_ms: int
    tries: int = 0
    segment: Segment | None = None
    gone: asyncio.Future[None] | None = None

    def entry(self, kind: str) -> Entry:
        """The line for the disk."""
        return Entry(kind, self.since_ms, self.key, self.body)


class Keeping:
    """The queue in memory, and what of it and behind it is on disk."""

    def __init__(self, settings: StoreSettings, spool: Spool | None) -> None:
        self._settings = settings
        self.spool = spool
        self.queue: deque[Waiting] = deque()
        self.queued_bytes = 0
        self.disk_failing = False
        self._full_told = False
        self._ending = False
        self._added = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def waits(self) -> bool:
        """Whether there is anything that the store does not have."""
        return bool(self.queue) or (self.spool is not None and self.spool.behind > 0)

    async def open(self) -> None:
        """Find what an earlier process left; raises as :meth:`Spool.open`."""
        if self.spool is not None:
            await asyncio.to_thread(self.spool.open)

    async def keep(self, waiting: Waiting) -> None:
        """Return when the record is safe: on disk, or with the store where the disk fails.

        Where the operator wants nothing on disk it is in memory, as with the stock invoker.
        """
        while not self._place(waiting):
            self._room.clear()
            await self._room.wait()
        self._added.set()
        if waiting.gone is not None:
            await waiting.gone
        elif self.spool is not None:
            await self._synced(self.spool)

    async def expect(self, waiting: Waiting) -> None:
        """Keep it for the case that the process ends before the record itself is there."""
        assert self.spool is not None
        try:
            self.spool.expect(waiting.entry(EXPECTED))
        except OSError as fault:
            self._disk_failed(fault)
        else:
            await self._synced(self.spool)

    async def added(self) -> None:
        """Wait for a record, or for the end."""
        if not self._ending:
            self._added.clear()
            await self._added.wait()

    async def read_on(self) -> None:
        """Take records from disk into memory, when most of those there were stored."""
        spool, settings = self.spool, self._settings
        if spool is None or not spool.behind:
            return
        few = len(self.queue) < min(settings.batch_records, settings.queued_records)
        if not few or self.queued_bytes >= min(settings.batch_bytes, settings.queued_bytes):
            return
        found: list[tuple[Entry, Segment]] = []
        while spool.behind and not found:
            found = await spool.read_on(settings.batch_bytes)
        for entry, segment in found:
            # One of an earlier process may be in the store already, which is no news.
            tries = 1 if segment.recovered else 0
            self._enqueue(Waiting(entry.key, entry.body, entry.since_ms, tries, segment))

    def settled(self, waiting: Waiting) -> None:
        """The first record of the queue is needed no more."""
        self._leave(waiting)
        if waiting.segment is not None:
            assert self.spool is not None
            self.spool.settle(waiting.segment)
        self._released(waiting)

    def to_the_end(self, waiting: Waiting) -> None:
        """The first record of the queue is the last one now."""
        self._leave(waiting)
        self._enqueue(waiting)

    def set_aside(self, waiting: Waiting) -> Path | None:
        """Take a record that the store refuses out of the queue; where it is kept, if anywhere."""
        file = self.spool.set_aside(waiting.entry(RECORD)) if self.spool is not None else None
        self.settled(waiting)
        return file

    def end(self) -> None:
        """Nobody needs to wait any longer for room."""
        self._ending = True
        self._room.set()
        self._added.set()

    def close(self) -> int:
        """Let go of the disk; how many records are left there."""
        for waiting in self.queue:
            self._released(waiting)
        if self.spool is None:
            return 0
        left = self.spool.records
        self.spool.close()
        return left

    # -- where a record goes ----------------------------------------------------------------

    def _place(self, waiting: Waiting) -> bool:
        """Put the record where there is room; whether there was any."""
        spool = self.spool
        in_memory = self._has_room() and not (spool is not None and spool.behind)
        if spool is not None:
            self._write(spool, waiting, in_memory)
        if waiting.segment is None:
            if not in_memory and not self._ending:
                return False
            if spool is not None:
                waiting.gone = asyncio.get_running_loop().create_future()
            in_memory = True
        if in_memory:
            self._enqueue(waiting)
        return True

    def _write(self, spool: Spool, waiting: Waiting, in_memory: bool) -> None:
        if not spool.has_room(len(waiting.body)) and not self._ending:
            if not self._full_told:
                self._full_told = True
                event(
                    logger,
                    logging.ERROR,
                    "spool-full",
                    error="no more records may wait on disk; activations wait for the store",
                    records=spool.records,
                    bytes=spool.bytes,
                )
            return
        try:
            waiting.segment = spool.append(waiting.entry(RECORD), handed_on=in_memory)
        except OSError as fault:
            self._disk_failed(fault)
        else:
            self._full_told = False
            if self.disk_failing:
                self.disk_failing = False
                event(logger, logging.WARNING, "spool-writable-again")

    def _disk_failed(self, fault: OSError) -> None:
        if self.disk_failing:
            return
        self.disk_failing = True
        event(
            logger,
            logging.ERROR,
            "spool-unwritable",
            error=f"{fault.strerror}; until that ends activations are acknowledged only when the "
            "store has their records",
        )

    async def _synced(self, spool: Spool) -> None:
        try:
            await spool.synced()
        except OSError as fault:
            self._disk_failed(fault)

    def _has_room(self) -> bool:
        settings = self._settings
        records, size = settings.queued_records, settings.queued_bytes
        return len(self.queue) < records and self.queued_bytes < size

    def _enqueue(self, waiting: Waiting) -> None:
        self.queue.append(waiting)
        self.queued_bytes += len(waiting.body)

    def _leave(self, waiting: Waiting) -> None:
        # Records are settled in the queue's order, so that this is the first one.
        self.queue.remove(waiting)
        self.queued_bytes -= len(waiting.body)
        self._room.set()

    @staticmethod
    def _released(waiting: Waiting) -> None:
        if waiting.gone is not None and not waiting.gone.done():
            waiting.gone.set_result(None)
