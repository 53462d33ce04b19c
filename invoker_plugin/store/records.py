"""Writes activation records in batches, behind the flow's back (behaviours 125 to 128)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.log import event
from invoker_plugin.store.couch import CouchStore, StoreFault
from invoker_plugin.store.figures import RecordFigures
from invoker_plugin.store.keeping import Keeping, Waiting
from invoker_plugin.store.spool import Spool
from invoker_plugin.wire import jsontext
from invoker_plugin.wire.record import ActivationRecord

logger = logging.getLogger(__name__)

RECORD_TRIES = 3
LEAST_PAUSE_S = 0.1
MOST_PAUSE_S = 5.0


class RecordWriter:
    """A bounded queue, and one writer that empties it through ``_bulk_docs``.

    A record is on disk (see :mod:`invoker_plugin.store.spool`) when :meth:`store` returns, so that
    an activation that is acknowledged after it has its record in the end, whatever becomes of this
    process. In memory there are no more than the settings allow; the others are read from disk
    again when it is their turn. Where neither disk nor memory has room, or the disk fails, those
    who add records wait: back pressure instead of loss. No failure of the store ever reaches an
    ack (behaviour 127).
    """

    def __init__(
        self,
        store: CouchStore,
        database: str,
        settings: StoreSettings,
        spool: Spool | None = None,
    ) -> None:
        self._store = store
        self._database = database
        self._settings = settings
        self._keeping = Keeping(settings, spool)
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.stored = 0
        self.refused = 0
        self.lost = 0
        self.on_stored: Callable[[int], None] | None = None
        """Told of each record that the store has: the ms since it was ready."""

    @property
    def queued(self) -> int:
        """Records that wait in memory, or whose write is under way."""
        return len(self._keeping.queue)

    @property
    def queued_bytes(self) -> int:
        """What those in memory take."""
        return self._keeping.queued_bytes

    def figures(self) -> RecordFigures:
        """How it is going."""
        kept = self._keeping
        spool = kept.spool
        return RecordFigures(
            waiting=len(kept.queue) + (spool.behind if spool else 0),
            memory_bytes=kept.queued_bytes,
            disk_bytes=spool.bytes if spool else 0,
            oldest_ms=max(0, _now_ms() - kept.queue[0].since_ms) if kept.queue else 0,
            disk_failing=kept.disk_failing,
            stored=self.stored,
            refused=self.refused,
            dropped=self.lost,
        )

    async def store(self, record: ActivationRecord) -> None:
        """Take the record, to be written to the store soon; it is kept when this returns."""
        body = self._document(record)
        if body is not None:
            await self._keeping.keep(Waiting(record.document_id, body, _now_ms()))

    async def expect(self, record: ActivationRecord) -> None:
        """Keep ``record`` for the case that :meth:`store` is never called for its activation.

        For an activation that is answered while its logs are still being read. Without a disk to
        keep it on this does nothing.
        """
        if self._keeping.spool is None:
            return
        body = self._document(record)
        if body is not None:
            await self._keeping.expect(Waiting(record.document_id, body, _now_ms()))

    async def start(self) -> None:
        """Look for what an earlier process left, and begin to write.

        Raises ``ConfigurationError`` where records cannot be kept on disk as the settings say, and
        ``SystemFault`` where another process does so in the same place.
        """
        await self._keeping.open()
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Write what waits, for no longer than ``store.flush_limit_ms``, and end.

        What is on disk stays there for the next start.
        """
        self._closing.set()
        self._keeping.end()
        if self._task is not None:
            limit_s = self._settings.flush_limit_ms / 1000
            done, _ = await asyncio.wait({self._task}, timeout=limit_s)
            if not done:
                self._task.cancel()
                with suppress(asyncio.CancelledError):
                    await self._task
            elif self._task.exception() is not None:
                text = str(self._task.exception())
                event(logger, logging.ERROR, "record-writer-failed", error=text)
            for waiting in self._keeping.queue:
                if waiting.segment is None:
                    self._lose(waiting.key, "the store did not take it before the end")
        left = self._keeping.close()
        if left:
            event(logger, logging.WARNING, "records-left-on-disk", count=left)

    def _document(self, record: ActivationRecord) -> bytes | None:
        try:
            return jsontext.encode(record.to_document(_now_ms()))
        except (ValueError, RecursionError) as fault:
            self._lose(record.document_id, f"it cannot be serialised: {fault}")
            return None

    # -- the writer -------------------------------------------------------------------------

    async def _run(self) -> None:
        failures = 0
        kept = self._keeping
        while kept.waits or not self._closing.is_set():
            await kept.read_on()
            if not kept.queue:
                await kept.added()
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

    def _next_batch(self) -> Iterator[Waiting]:
        """Yield the first of the queue, within the bounds of one write; they stay queued."""
        size = 0
        for count, waiting in enumerate(self._keeping.queue):
            size += len(waiting.body)
            over = size > self._settings.batch_bytes or count >= self._settings.batch_records
            if over and count:
                return
            yield waiting

    async def _write(self, batch: list[Waiting]) -> None:
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

    async def _refused(self, batch: list[Waiting], fault: StoreFault) -> None:
        """The request as a whole is refused: find the record that is at fault, by halves."""
        if len(batch) == 1:
            self._give_up(batch[0], str(fault))
            return
        half = len(batch) // 2
        await self._write(batch[:half])
        await self._write(batch[half:])

    def _settle(self, waiting: Waiting, answer: dict[str, Any]) -> None:
        error = answer.get("error")
        if error is None:
            self._stored(waiting)
        elif error == "conflict":
            # It is there already: an earlier write worked, and only its answer was lost.
            self._stored(waiting)
            if waiting.tries == 0:
                event(logger, logging.WARNING, "record-exists-already", record=waiting.key)
        elif waiting.tries + 1 < RECORD_TRIES:
            waiting.tries += 1
            self._keeping.to_the_end(waiting)
        else:
            self._give_up(waiting, f"{error}: {answer.get('reason')}")

    def _stored(self, waiting: Waiting) -> None:
        self.stored += 1
        self._keeping.settled(waiting)
        if self.on_stored is not None:
            self.on_stored(_now_ms() - waiting.since_ms)

    def _give_up(self, waiting: Waiting, why: str) -> None:
        """The store takes all but this one: it must hold up no other."""
        file = self._keeping.set_aside(waiting)
        if file is None:
            self._lose(waiting.key, why)
            return
        self.refused += 1
        fields = {"record": waiting.key, "error": why, "file": str(file)}
        event(logger, logging.ERROR, "record-refused", **fields)

    def _lose(self, key: str, why: str) -> None:
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
            waiting=self.figures().waiting,
            pause_ms=round(pause_s * 1000),
        )
        await asyncio.sleep(pause_s)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
