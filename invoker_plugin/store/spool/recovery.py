"""Reads what an earlier process left in the spool. Nothing that is found there stops the start."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from invoker_plugin.log import event
from invoker_plugin.store.spool.entry import EXPECTED, RECORD, Entry
from invoker_plugin.store.spool.segment import HEADER, Segment

logger = logging.getLogger(__name__)

_NAME = re.compile(r"records-(\d{12,})\.log")
_ASIDE = ".set-aside"


def segment_path(directory: Path, number: int) -> Path:
    """The path of the segment of that number."""
    return directory / f"records-{number:012}.log"


@dataclass(slots=True)
class Recovery:
    """The segments in order, how many records they hold, and those that never became whole."""

    segments: list[Segment] = field(default_factory=list)
    records: int = 0
    expected: dict[str, Entry] = field(default_factory=dict)
    next_number: int = 0


def recover(directory: Path) -> Recovery:
    """Look through the directory; what is no record of ours is told, and set aside or left."""
    found = Recovery()
    named = sorted((int(m[1]), p) for p in directory.iterdir() if (m := _NAME.fullmatch(p.name)))
    for number, path in named:
        found.next_number = number + 1
        try:
            _take(found, path)
        except OSError as fault:
            event(logger, logging.ERROR, "spool-file-unreadable", file=str(path), error=str(fault))
    return found


def _take(found: Recovery, path: Path) -> None:
    if path.stat().st_size == 0:  # the process ended as it made the file
        path.unlink()
        return
    segment = Segment(path, recovered=True)
    damaged = 0
    with path.open("rb") as file:
        if file.readline() != HEADER:
            _set_aside(path)
            return
        segment.size = file.tell()
        for line in file:
            try:
                entry = Entry.decode(line)
            except ValueError:
                damaged += 1
                last_damaged = line
            else:
                _note(found, segment, entry)
            segment.size += len(line)
    if damaged == 1 and not last_damaged.endswith(b"\n"):
        # Half a line, at the end: the process ended within a write, so nobody was told of it.
        os.truncate(path, segment.size - len(last_damaged))
        segment.size -= len(last_damaged)
    elif damaged:
        _keep_damaged(path, damaged)
    found.segments.append(segment)


def _note(found: Recovery, segment: Segment, entry: Entry) -> None:
    if entry.kind == EXPECTED:
        found.expected[entry.key] = entry
    elif entry.kind == RECORD:
        found.expected.pop(entry.key, None)
        segment.unsettled += 1
        found.records += 1


def _set_aside(path: Path) -> None:
    aside = path.with_name(path.name + _ASIDE)
    path.rename(aside)
    event(
        logger,
        logging.ERROR,
        "spool-file-foreign",
        error="it does not begin as a file of records does; it was set aside and is not read",
        file=str(aside),
    )


def _keep_damaged(path: Path, lines: int) -> None:
    """Keep the file under another name: what can be read of it is stored, and it then goes."""
    aside = path.with_name(path.name + _ASIDE)
    if not aside.exists():
        aside.hardlink_to(path)
    event(
        logger,
        logging.ERROR,
        "spool-file-damaged",
        error="lines in it are not as they were written; the others are stored",
        lines=lines,
        file=str(aside),
    )
