"""The spool: records wait on disk, in order, within bounds, until the store has them.

Every record is appended before its activation is acknowledged, always, since a crash gives no
notice. That is one ``write`` to the page cache, which a killed process cannot take back; files
whose records are all stored are deleted, mostly before the kernel has put them on the disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from pathlib import Path

from invoker_plugin.log import event
from invoker_plugin.store.spool.entry import RECORD, Entry
from invoker_plugin.store.spool.home import Home
from invoker_plugin.store.spool.recovery import recover, segment_path
from invoker_plugin.store.spool.segment import Segment

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 1024 * 1024
RENEWED_BYTES = 64 * 1024
"""An emptied file of that size is replaced, so that a restart finds little that was stored."""
REFUSED_BYTES = 64 * 1024 * 1024


class Spool:
    """A directory of segments, of which the last is written and the first is read.

    Not thread-safe, except that :meth:`open` may run in a thread. ``sync``: have the disk itself
    hold each record before it counts as kept, so that a crash of the host loses none either.
    """

    def __init__(self, directory: Path, max_bytes: int, max_records: int, sync: bool) -> None:
        self._home = Home(directory)
        self._max_bytes = max_bytes
        self._max_records = max_records
        self._sync = sync
        self._segments: deque[Segment] = deque()
        self._current: Segment | None = None
        self._expected: dict[str, Segment] = {}
        self._next_number = 0
        self._appended = 0
        self._synced = 0
        self._syncing: asyncio.Task[None] | None = None
        self.bytes = 0
        """The size of all files together."""
        self.records = 0
        self.behind = 0
        """Records that are on disk and not yet handed on by :meth:`read_on`."""
        self.recovered = 0

    def open(self) -> None:
        """Lock the directory, look through it. Raises ``ConfigurationError`` or ``SystemFault``."""
        self._home.open()
        found = recover(self._home.directory)
        self._next_number = found.next_number
        self._segments.extend(found.segments)
        self.bytes = sum(segment.size for segment in found.segments)
        self.records = self.behind = found.records
        self._complete(list(found.expected.values()))
        self.recovered = self.records
        for segment in list(self._segments):
            if segment.recovered and not segment.unsettled:
                self._remove(segment)
        if self.recovered:
            event(logger, logging.WARNING, "records-recovered", count=self.recovered)

    def has_room(self, size: int) -> bool:
        """Whether a record of so many bytes is within the bounds; alone it always is."""
        if not self.records:
            return True
        return self.records < self._max_records and self.bytes + size <= self._max_bytes

    def append(self, entry: Entry, handed_on: bool) -> Segment:
        """Write a record; ``handed_on``: :meth:`read_on` need not give it. Raises ``OSError``."""
        segment = self._write(entry, handed_on)
        self.records += 1
        self.behind += not handed_on
        expected_in = self._expected.pop(entry.key, None)
        if expected_in is not None:
            self._release(expected_in)
        return segment

    def expect(self, entry: Entry) -> None:
        """Write what will stand for a record if it never comes. Raises ``OSError``."""
        segment = self._write(entry, handed_on=not self.behind)
        known_in = self._expected.pop(entry.key, None)
        self._expected[entry.key] = segment
        if known_in is not None:
            self._release(known_in)

    async def synced(self) -> None:
        """Wait until the disk has what was written, where that is wanted. Raises ``OSError``."""
        if not self._sync:
            return
        wanted = self._appended
        while self._synced < wanted:
            if self._syncing is None:
                # One call for all that came meanwhile.
                self._syncing = asyncio.ensure_future(self._sync_now())
                self._syncing.add_done_callback(self._sync_done)
            await asyncio.shield(self._syncing)

    async def read_on(self, max_bytes: int) -> list[tuple[Entry, Segment]]:
        """Return the next records that were not handed on; none where a file cannot be read."""
        segment = next((one for one in self._segments if one.read_to < one.size), None)
        if segment is None:
            self.behind = 0
            return []
        try:
            entries, position = await asyncio.to_thread(segment.read, max_bytes, segment.size)
        except OSError as fault:
            # It is left as it is, for the next start.
            event(
                logger,
                logging.ERROR,
                "spool-file-unreadable",
                file=str(segment.path),
                error=str(fault),
            )
            entries, position = [], segment.size
        segment.read_to = position
        records = [(entry, segment) for entry in entries if entry.kind == RECORD]
        self.behind -= len(records)
        return records

    def settle(self, segment: Segment) -> None:
        """A record in ``segment`` is needed no more."""
        self.records -= 1
        self._release(segment)

    def set_aside(self, entry: Entry) -> Path | None:
        """Keep a record that the store refuses; where, or ``None`` when there is no room."""
        path = self._home.directory / "refused.log"
        line = entry.encode()
        try:
            if path.exists() and path.stat().st_size + len(line) > REFUSED_BYTES:
                return None
            with path.open("ab") as file:
                file.write(line)
        except OSError:
            return None
        return path

    def close(self) -> None:
        """Let go of the files; those with records that wait stay for the next start."""
        for segment in list(self._segments):
            if segment.unsettled:
                segment.close()
            else:
                self._remove(segment)
        self._current = None
        self._home.close()

    # -- files ------------------------------------------------------------------------------

    def _write(self, entry: Entry, handed_on: bool) -> Segment:
        line = entry.encode()
        segment = self._current
        if segment is None or segment.size >= SEGMENT_BYTES:
            segment = self._begin()
        segment.append(line)
        segment.unsettled += 1
        self.bytes += len(line)
        if handed_on:
            segment.read_to = segment.size
        self._appended += 1
        return segment

    def _begin(self) -> Segment:
        segment = Segment.create(segment_path(self._home.directory, self._next_number))
        self._next_number += 1
        last, self._current = self._current, segment
        self._segments.append(segment)
        self.bytes += segment.size
        if last is not None:
            if self._sync:
                last.syncing()()
            last.close()
            if not last.unsettled:
                self._remove(last)
        return segment

    def _complete(self, expected: list[Entry]) -> None:
        """What never became whole is a record now; where it cannot be written it stays as it is."""
        for number, entry in enumerate(expected):
            try:
                self.append(Entry(RECORD, entry.since_ms, entry.key, entry.body), handed_on=False)
            except OSError as fault:
                left = len(expected) - number
                event(logger, logging.ERROR, "spool-unwritable", error=str(fault), left=left)
                for segment in self._segments:
                    segment.unsettled += 1
                return

    def _release(self, segment: Segment) -> None:
        segment.unsettled -= 1
        if segment.unsettled:
            return
        if segment is not self._current or segment.size >= RENEWED_BYTES:
            self._remove(segment)

    def _remove(self, segment: Segment) -> None:
        if segment is self._current:
            self._current = None
        self._segments.remove(segment)
        self.bytes -= segment.size
        try:
            segment.remove()
        except OSError as fault:
            event(
                logger,
                logging.ERROR,
                "spool-file-left",
                file=str(segment.path),
                error=str(fault),
            )

    async def _sync_now(self) -> None:
        appended, segment = self._appended, self._current
        if segment is not None:
            await asyncio.to_thread(segment.syncing())
        self._synced = appended

    def _sync_done(self, _: asyncio.Task[None]) -> None:
        self._syncing = None
