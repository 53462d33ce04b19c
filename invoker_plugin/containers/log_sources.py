"""Where an ordinary container's log is read: Docker's file, or Docker's API where that can't be."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Protocol

from invoker_plugin.containers import log_line
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.log_line import LogLine

WeightedLine = tuple[LogLine, int]
"""A line and its size in the log, in bytes."""
_BLOCK = 256 * 1024
"""Read and parsed at once: a few milliseconds of the event loop. Lines are far shorter."""


class LogSource(Protocol):
    """A container's log, read on from where the last reading ended (behaviour 114)."""

    async def read(self) -> list[WeightedLine]:
        """The lines that are new. Raises OSError, ValueError, or an InvokerError."""

    def put_back(self, lines: list[WeightedLine]) -> None:
        """The last of what was read belongs to the next activation."""

    async def skip_to_end(self) -> None:
        """Leave out what there is now (behaviour 117)."""


class JsonFile:
    """Docker's ``json-file`` log, where this process may read it: nothing is faster."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._offset = 0

    async def read(self) -> list[WeightedLine]:
        """Some whole lines; a half-written last one stays for later (behaviour 119)."""
        with open(self._path, "rb") as file:
            if os.fstat(file.fileno()).st_size < self._offset:
                # Docker began a new file (log-opt max-size).
                self._offset = 0
            file.seek(self._offset)
            block = file.read(_BLOCK)
            end = block.rfind(b"\n") + 1
            if not end and len(block) == _BLOCK:
                raise ValueError(f"{self._path}: a line of more than {_BLOCK} bytes")
        self._offset += end
        # Docker writes the file, so a line that is not JSON is a torn one: it is left out.
        return [(log_line.parse(line), len(line) + 1) for line in block[:end].split(b"\n")[:-1]]

    def put_back(self, lines: list[WeightedLine]) -> None:
        self._offset -= sum(weight for _, weight in lines)

    async def skip_to_end(self) -> None:
        self._offset = os.stat(self._path).st_size


class EngineLog:
    """The log by Docker's API: for a Docker on another machine, or files that can't be read.

    The API knows no offset, only a time that includes the lines of that very moment; so what was
    had already is told apart by its position among the lines of that time.
    """

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._container = container
        self._seen = {"stdout": ("", 0), "stderr": ("", 0)}
        self._back: list[WeightedLine] = []

    async def read(self) -> list[WeightedLine]:
        """Everything new of both streams, in order of time."""
        found, self._back = self._back, []
        for stream in self._seen:
            found += await self._read_stream(stream)
        return sorted(found, key=lambda one: one[0].time)

    async def _read_stream(self, stream: str) -> list[WeightedLine]:
        last, count = self._seen[stream]
        newest, number = last, 0
        fresh: list[WeightedLine] = []
        pieces = await self._engine.logs(self._container, stream, _seconds_before(last))
        for piece in pieces:
            time, _, text = piece.decode("utf-8", "replace").partition(" ")
            if time < last:
                continue
            newest, number = time, number + 1 if time == newest else 1
            if time == last and number <= count:
                continue
            fresh.append((LogLine(_as_in_file(time), stream, text.rstrip("\r\n")), len(piece) + 44))
        self._seen[stream] = (newest, max(number, count if newest == last else 0))
        return fresh

    def put_back(self, lines: list[WeightedLine]) -> None:
        self._back = [*lines, *self._back]

    async def skip_to_end(self) -> None:
        await self.read()


def _seconds_before(time: str) -> float:
    """A moment not after ``time``, as precisely as a float has it; 0.0 for no time."""
    if not time:
        return 0.0
    whole, _, fraction = time.rstrip("Z").partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc)
    return moment.timestamp() + max(float(f"0.{fraction or '0'}") - 0.000_01, 0.0)


def _as_in_file(time: str) -> str:
    """The API pads the fraction with zeros, Docker's file leaves them out."""
    return f"{time[:-1].rstrip('0').rstrip('.')}Z" if "." in time else time
