"""The proxy's side of one worker: sends it activations, waits for its answer or its end."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from swift_runtime import framing
from swift_runtime.exits import WorkerExit
from swift_runtime.logs import Sink
from swift_runtime.output import Output

_READ_BYTES = 262144


@dataclass(frozen=True)
class Reply:
    """A worker's answer: the header it sent and the bytes of the result."""

    header: dict[str, Any]
    body: bytes


@dataclass(frozen=True)
class ForkFailed:
    """There never was a worker; ``error`` says why."""

    error: str


Outcome = Reply | WorkerExit | ForkFailed


class WorkerHandle:
    """One worker from its fork request to its end."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        name: str,
        slot: int,
        link: socket.socket,
        output: Output,
        spare: bool = False,
    ) -> None:
        self.name = name
        self.key = name
        """The template's name for it, which never changes."""
        self.spare = spare
        """Whether it was forked ahead of its first activation."""
        self.accepted = not spare
        """Whether its first activation may have begun: a spare says so before it does."""
        self.slot = slot
        self.output = output
        self.pid: int | None = None
        self.activation: str | None = None
        self.ordered: str | None = None
        """Why we had it killed, if we did: ``killed`` or ``memory``."""
        self.requested_ns: int | None = time.monotonic_ns()
        """When the fork was asked for; None once the first activation has reported it."""
        self.ended: asyncio.Future[WorkerExit | ForkFailed] = loop.create_future()
        self._loop = loop
        self._link = link
        self._assembler = framing.Assembler()
        self._outcome: asyncio.Future[Outcome] | None = None
        link.setblocking(False)
        loop.add_reader(link.fileno(), self._readable)

    def adopt(self, name: str) -> None:
        """A spare becomes the worker of that name."""
        self.name = name
        self.requested_ns = time.monotonic_ns()

    @property
    def state(self) -> str:
        """``running`` or ``idle``."""
        return "running" if self._outcome is not None else "idle"

    async def run(self, body: bytes, activation: str | None, sink: Sink) -> Outcome:
        """Have the worker run one activation; its output goes to ``sink`` meanwhile."""
        outcome: asyncio.Future[Outcome] = self._loop.create_future()
        self._outcome, self.activation = outcome, activation
        self.output.begin(sink)
        if self.ended.done():
            outcome.set_result(self.ended.result())
        sending = self._send(framing.pack({}, body))
        try:
            return await outcome
        finally:
            if sending is not None:
                sending.cancel()
            if not self.ended.done():
                self.output.end()
            self._outcome, self.activation = None, None

    def end(self, ending: WorkerExit | ForkFailed) -> None:
        """The worker is dead: close what belongs to it and answer who waits."""
        self._readable()  # it may have answered before it died
        self._loop.remove_reader(self._link.fileno())
        self._link.close()
        self.output.close()
        self.ended.set_result(ending)
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(ending)

    @property
    def ahead(self) -> bool:
        """Whether this, its first activation, found it forked already."""
        return self.spare and self.requested_ns is not None

    def fork_ms(self, started_ns: int) -> float | None:
        """From the fork request to the worker's first line; None after the first activation."""
        if self.requested_ns is None:
            return None
        elapsed_ns, self.requested_ns = started_ns - self.requested_ns, None
        return round(elapsed_ns / 1e6, 3)

    def _send(self, pieces: list[bytes]) -> asyncio.Task[None] | None:
        """Send at once what fits the socket, the rest in a task."""
        data = memoryview(b"".join(pieces))
        try:
            data = data[self._link.send(data) :]
        except BlockingIOError:
            pass
        except OSError:
            return None  # the worker is dead; its end is on the way
        return self._loop.create_task(self._send_rest(data)) if data else None

    async def _send_rest(self, data: memoryview) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # dead, as above
            await self._loop.sock_sendall(self._link, data)

    def _readable(self) -> None:
        while True:
            try:
                data = self._link.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                # the end of the socket is not the end of the worker: wait for its exit status
                self._loop.remove_reader(self._link.fileno())
                return
            frame = self._assembler.feed(data)
            while frame is not None:
                self._take(*frame)
                frame = self._assembler.feed(b"")

    def _take(self, header: dict[str, Any], body: bytes) -> None:
        if "accepted" in header:
            self.accepted = True
        elif self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(Reply(header, body))
