"""Writes activation records in batches, off the way of the activation (behaviours 127, 128)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event
from invoker_plugin.store.couch import Couch
from invoker_plugin.wire import jsontext
from invoker_plugin.wire.record import ActivationRecord

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0

Entry = tuple[dict[str, Any], int]
"""A document and its size in bytes."""


class RecordWriter:
    """Takes records at once, writes them by and by; a store that is away is tried until it is back.

    What waits is bounded by number and bytes: beyond that :meth:`store` waits, and with it the
    completion of the activation, so that the load goes down by itself.
    """

    def __init__(self, couch: Couch, settings: StoreSettings) -> None:
        self._couch = couch
        self._settings = settings
        self._waiting: deque[Entry] = deque()
        self._waiting_bytes = 0
        self._writing = 0
        self._arrived = asyncio.Event()
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    @property
    def unwritten(self) -> int:
        """Records that the store does not have yet."""
        return len(self._waiting) + self._writing

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def store(self, record: ActivationRecord, updated_ms: int | None = None) -> None:
        """Take the record; waits only when too many wait already."""
        updated = record.end_ms if updated_ms is None else updated_ms
        document = record.to_document(updated)
        size = len(jsontext.encode(document))
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_room(size))
        self._waiting.append((document, size))
        self._waiting_bytes += size
        self._arrived.set()

    async def stop(self) -> None:
        """Write what waits, up to the configured time; what is left is logged, one line each."""
        try:
            await asyncio.wait_for(self._written(), self._settings.flush_limit_ms / 1000)
        except asyncio.TimeoutError:
            for document, _ in self._waiting:
                event(logger, logging.ERROR, "record-lost", activation=document["activationId"])
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    def _has_room(self, size: int) -> bool:
        if not self._waiting:
            return True
        many = self.unwritten >= self._settings.queued_records
        return not many and self._waiting_bytes + size <= self._settings.queued_bytes

    async def _written(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.unwritten == 0)

    async def _run(self) -> None:
        while True:
            self._arrived.clear()
            if not self._waiting:
                await self._arrived.wait()
            await asyncio.sleep(self._settings.linger_ms / 1000)
            while self._waiting:
                await self._write(self._batch())

    def _batch(self) -> list[Entry]:
        batch: list[Entry] = []
        size = 0
        while self._waiting and len(batch) < self._settings.batch_records:
            if batch and size + self._waiting[0][1] > self._settings.batch_bytes:
                break
            entry = self._waiting.popleft()
            self._waiting_bytes -= entry[1]
            size += entry[1]
            batch.append(entry)
        self._writing = len(batch)
        return batch

    async def _write(self, batch: list[Entry]) -> None:
        """Write one batch, again until the store took it."""
        documents = [document for document, _ in batch]
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                answers = await self._couch.bulk(self._settings.activations, documents)
                break
            except SystemFault as fault:
                event(
                    logger,
                    logging.ERROR,
                    "records-not-written",
                    error=str(fault),
                    count=len(documents),
                    waiting=len(self._waiting),
                    retry_ms=round(pause_s * 1000),
                )
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._report(answers)
        async with self._changed:
            self._writing = 0
            self._changed.notify_all()

    def _report(self, answers: list[dict[str, Any]]) -> None:
        """A conflict means that the record is there already: an earlier try did arrive."""
        for answer in answers:
            error = answer.get("error")
            if error is not None and error != "conflict":
                event(
                    logger,
                    logging.ERROR,
                    "record-refused",
                    document=answer.get("id"),
                    error=f"{error}: {answer.get('reason')}",
                )
