"""Requests to one container, as OpenWhisk's container contract has them.

Over TCP each request has a connection of its own: a pause breaks kept ones (behaviour 101). Over
a Swift container's Unix socket connections are kept, and closed when it is suspended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from invoker_plugin.containers.http_connection import (
    Address,
    Broken,
    Connection,
    Expired,
    Refused,
    UnixAddress,
)
from invoker_plugin.containers.http_message import Answer, request
from invoker_plugin.containers.interface import Body
from invoker_plugin.containers.outcome import Failure, HttpOutcome
from invoker_plugin.wire import jsontext

_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.016
_CONNECT_LIMIT_S = 1.0
_KEPT_CONNECTIONS = 16


class ContainerClient:
    """Talks to one container.

    ``limit_bytes`` is the longest answer that is kept whole, ``truncation_bytes`` what is kept of a
    longer one. ``exited`` tells that the container's process has ended, so that waiting for it to
    listen can stop.
    """

    def __init__(
        self,
        address: Address,
        limit_bytes: int,
        truncation_bytes: int,
        exited: Callable[[], bool] = lambda: False,
    ) -> None:
        self.address = address
        self._limit_bytes = limit_bytes
        self._truncation_bytes = truncation_bytes
        self._exited = exited
        self._keeps = isinstance(address, UnixAddress)
        self._idle: list[Connection] = []

    async def init(self, body: Body, timeout_ms: int) -> HttpOutcome:
        """POST /init; while nobody listens, try again until the time is spent (behaviour 106)."""
        watch = _Watch(timeout_ms)
        data = request(
            "POST",
            "/init",
            (body if isinstance(body, bytes) else jsontext.encode(body)),
            self.address.host,
            self._keeps,
        )
        pause_s = _FIRST_PAUSE_S
        while True:
            outcome = await self._attempt(data, watch, min(watch.left_s, _CONNECT_LIMIT_S))
            if outcome.failure != "refused":
                return outcome
            if self._exited():
                return watch.failed("reset", "the container exited before it listened")
            if watch.left_s <= pause_s:
                await asyncio.sleep(max(watch.left_s, 0))
                return watch.failed("timeout", f"nothing listened: {outcome.reason}")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def run(self, body: Body, timeout_ms: int) -> HttpOutcome:
        """POST /run, once."""
        watch = _Watch(timeout_ms)
        data = request(
            "POST",
            "/run",
            (body if isinstance(body, bytes) else jsontext.encode(body)),
            self.address.host,
            self._keeps,
        )
        return await self._attempt(data, watch, watch.left_s)

    async def call(
        self, method: str, path: str, timeout_ms: int, limit_bytes: int | None = None
    ) -> HttpOutcome:
        """Any other request without a body, cut at ``limit_bytes``."""
        watch = _Watch(timeout_ms)
        data = request(method, path, b"", self.address.host, self._keeps)
        return await self._attempt(data, watch, watch.left_s, limit_bytes)

    async def listens(self, timeout_ms: int) -> bool:
        """True when the container accepts a connection; nothing is sent."""
        try:
            connection = await Connection.open(self.address, timeout_ms / 1000)
        except Refused:
            return False
        connection.close()
        return True

    def close(self) -> None:
        """Close the kept connections; the next request opens new ones."""
        while self._idle:
            self._idle.pop().close()

    async def _attempt(
        self, data: bytes, watch: _Watch, connect_s: float, limit_bytes: int | None = None
    ) -> HttpOutcome:
        keep = self._truncation_bytes if limit_bytes is None else limit_bytes
        answer = Answer(self._limit_bytes if limit_bytes is None else limit_bytes, keep)
        try:
            connection = await self._exchange(data, answer, watch, connect_s)
        except Refused as error:
            return watch.failed("refused", str(error))
        except Expired as error:
            return watch.failed("timeout", str(error))
        except Broken as error:
            return watch.failed("reset", str(error))
        self._put_back(connection, answer)
        return watch.answered(answer)

    async def _exchange(
        self, data: bytes, answer: Answer, watch: _Watch, connect_s: float
    ) -> Connection:
        """One exchange over a kept connection, or over a new one where that is dead."""
        while self._idle:
            connection = self._idle.pop()
            try:
                return await self._over(connection, data, answer, watch)
            except Refused:
                continue
        connection = await Connection.open(self.address, max(connect_s, 0))
        return await self._over(connection, data, answer, watch)

    async def _over(
        self, connection: Connection, data: bytes, answer: Answer, watch: _Watch
    ) -> Connection:
        try:
            await connection.exchange(data, answer, max(watch.left_s, 0))
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_back(self, connection: Connection, answer: Answer) -> None:
        if self._keeps and answer.keep_alive and len(self._idle) < _KEPT_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()


class _Watch:
    """Times one request, and makes its outcome."""

    __slots__ = ("_began", "_limit_s", "_start_ms")

    def __init__(self, timeout_ms: int) -> None:
        self._start_ms = int(time.time() * 1000)
        self._began = time.monotonic()
        self._limit_s = timeout_ms / 1000

    @property
    def left_s(self) -> float:
        return self._limit_s - (time.monotonic() - self._began)

    def _end_ms(self) -> int:
        # From the monotonic clock, so that a step of the wall clock makes no wrong duration.
        return self._start_ms + round((time.monotonic() - self._began) * 1000)

    def failed(self, failure: Failure, reason: str) -> HttpOutcome:
        return HttpOutcome(self._start_ms, self._end_ms(), failure=failure, reason=reason)

    def answered(self, answer: Answer) -> HttpOutcome:
        return HttpOutcome(
            self._start_ms,
            self._end_ms(),
            answer.status,
            answer.kept(),
            answer.size,
            swift=_swift_header(answer.headers.get(b"x-swift")),
        )


def _swift_header(value: bytes | None) -> Mapping[str, Any]:
    """The ``X-Swift`` header's object; anything else in its place counts as no header."""
    if value is None:
        return {}
    try:
        parsed = jsontext.decode(value)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
