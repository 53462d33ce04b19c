"""Writes activation records in batches, behind the flow's back (behaviours 125 to 128)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.log import event
from invoker_plugin.store.couch import CouchStore, StoreFault
from invoker_plugin.wire import jsontext
from invoker_plugin.wire.record import ActivationRecord

logger = logging.getLogger(__name__)

RECORD_TRIES = 3
LEAST_PAUSE_S = 0.1
MOST_PAUSE_S = 5.0


@dataclass(slots=True, eq=False)
class _Waiting:
    """A record on its way; ``tries`` counts writes that failed, or whose answer was lost."""

    key: str
    body: bytes
    tries: int = 0


class RecordWriter:
    """A bounded queue, and one writer that empties it through ``_bulk_docs``.

    While the store is away records wait, and when the queue is full so do those who add to it:
    back pressure instead of loss. Only a record that the store refuses for itself, several times,
    is given up. No failure ever reaches an ack, which was sent before (behaviour 127).
    """

    def __init__(self, store: CouchStore, database: str, settings: StoreSettings) -> None:
        self._store = store
        self._database = database
        self._settings = settings
        self._queue: deque[_Waiting] = deque()
        self._added = asyncio.Event()
        self._room = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.queued_bytes = 0
        self.stored = 0
        self.lost = 0

    @property
    def queued(self) -> int:
        """Records that wait to be written, or whose write is under way."""
        return len(self._queue)

    async def store(self, record: ActivationRecord) -> None:
        """Take the record, to be written soon; waits only while the queue is full."""
        updated_ms = time.time_ns() // 1_000_000
        try:
            body = jsontext.encode(record.to_document(updated_ms))
        except (ValueError, RecursionError) as fault:
            self._give_up(record.document_id, f"it cannot be serialised: {fault}")
            return
        while self._full() and not self._closing.is_set():
            self._room.clear()
            await self._room.wait()
        self._queue.append(_Waiting(record.document_id, body))
        self.queued_bytes += len(body)
        self._added.set()

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Write what waits, for no longer than ``store.flush_limit_ms``, and end."""
        self._closing.set()
        self._room.set()
        self._added.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait({self._task}, timeout=self._settings.flush_limit_ms / 1000)
        if not done:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        elif self._task.exception() is not None:
            event(logger, logging.ERROR, "record-writer-failed", error=str(self._task.exception()))
        for waiting in self._queue:
            self._give_up(waiting.key, "the store did not take it before the end")

    def _full(self) -> bool:
        settings = self._settings
        return self.queued >= settings.queued_records or self.queued_bytes >= settings.queued_bytes

    # -- the writer -------------------------------------------------------------------------

    async def _run(self) -> None:
        failures = 0
        while self._queue or not self._closing.is_set():
            if not self._queue:
                self._added.clear()
                await self._added.wait()
                continue
            if failures == 0:
                await self._linger()
            batch = list(self._next_batch())
            try:
                await self._write(batch)
                failures = 0
            except StoreFault as fault:
                failures += 1
                for waiting in batch:
                    waiting.tries += 1
                await self._pause(fault, failures)

    async def _linger(self) -> None:
        """Wait a little for more records, since a write of many costs little more than of one."""
        if self.queued < self._settings.batch_records:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._settings.linger_ms / 1000)

    def _next_batch(self) -> Iterator[_Waiting]:
        """Yield the first of the queue, within the bounds of one write; they stay queued."""
        size = 0
        for count, waiting in enumerate(self._queue):
            size += len(waiting.body)
            over = size > self._settings.batch_bytes or count >= self._settings.batch_records
            if over and count:
                return
            yield waiting

    async def _write(self, batch: list[_Waiting]) -> None:
        """Write ``batch``, which is the head of the queue; what is settled leaves the queue."""
        try:
            answers = await self._store.write(self._database, [one.body for one in batch])
        except StoreFault as fault:
            if not fault.refused:
                raise
            await self._refused(batch, fault)
            return
        if len(answers) != len(batch):
            raise StoreFault(f"{len(batch)} records written, {len(answers)} answers")
        for waiting, answer in zip(batch, answers, strict=True):
            self._settle(waiting, answer)

    async def _refused(self, batch: list[_Waiting], fault: StoreFault) -> None:
        """The request as a whole is refused: find the record that is at fault, by halves."""
        if len(batch) == 1:
            self._leave(batch[0])
            self._give_up(batch[0].key, str(fault))
            return
        half = len(batch) // 2
        await self._write(batch[:half])
        await self._write(batch[half:])

    def _settle(self, waiting: _Waiting, answer: dict[str, Any]) -> None:
        self._leave(waiting)
        error = answer.get("error")
        if error is None:
            self.stored += 1
        elif error == "conflict":
            # It is there already: an earlier write worked, and only its answer was lost.
            self.stored += 1
            if waiting.tries == 0:
                event(logger, logging.WARNING, "record-exists-already", record=waiting.key)
        elif waiting.tries + 1 < RECORD_TRIES:
            waiting.tries += 1
            self._queue.append(waiting)
            self.queued_bytes += len(waiting.body)
        else:
            self._give_up(waiting.key, f"{error}: {answer.get('reason')}")

    def _leave(self, waiting: _Waiting) -> None:
        # Records are settled in the queue's order, so that this is the first one.
        self._queue.remove(waiting)
        self.queued_bytes -= len(waiting.body)
        self._room.set()

    def _give_up(self, key: str, why: str) -> None:
        self.lost += 1
        event(logger, logging.ERROR, "record-lost", record=key, error=why)

    async def _pause(self, fault: StoreFault, failures: int) -> None:
        pause_s = min(LEAST_PAUSE_S * 2 ** min(failures - 1, 10), MOST_PAUSE_S)
        level = logging.WARNING if failures in (1, 5) or failures % 100 == 0 else logging.DEBUG
        event(
            logger,
            level,
            "records-not-written",
            error=str(fault),
            failures=failures,
            waiting=self.queued,
            pause_ms=round(pause_s * 1000),
        )
        await asyncio.sleep(pause_s)
