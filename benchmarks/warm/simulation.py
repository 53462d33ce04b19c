"""In the load generator's process: the broker, the store and the container, at full speed.

Only what an invoker asks of them, as little work as possible for each request, so that what is
measured is the invoker.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable

import frames

Acked = Callable[[bytes], None]


class Broker:
    """Pushes activation messages to the invoker, confirms commits and acks at once."""

    def __init__(self, acked: Acked) -> None:
        self._acked = acked
        self._frames = frames.Frames(self._received)
        self._offsets = itertools.count()
        self.subscribed = asyncio.Event()
        self.commits = 0

    async def listen(self, path: str) -> asyncio.AbstractServer:
        """Wait for the invoker, which connects once."""
        return await asyncio.get_running_loop().create_unix_server(lambda: self._frames, path)

    def put(self, message: bytes) -> None:
        """Send an activation message to the invoker."""
        self._frames.send(frames.MESSAGE, next(self._offsets), message)

    def _received(self, kind: int, number: int, payload: bytes) -> None:
        if kind == frames.SUBSCRIBE:
            self.subscribed.set()
            return
        self._frames.send(frames.ANSWER, number)
        if kind == frames.COMMIT:
            self.commits += 1
        elif payload.startswith(b"completed", 1):
            self._acked(payload[1 + payload[0] :])


class Http(asyncio.Protocol):
    """Requests one after another on a kept connection; ``answer`` gets path and body."""

    def __init__(self, answer: Callable[[bytes, bytes], bytes]) -> None:
        self._answer = answer
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        assert self._transport is not None
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end]
            length = _content_length(head)
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(self._answer(head.split(b" ", 2)[1], body))


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def _http(body: bytes, extra: bytes = b"") -> bytes:
    length = str(len(body)).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + length
    return head + b"\r\n" + extra + b"\r\n" + body


class Container:
    """The stub behind every container's socket: a no-op action in a Swift runtime, without logs."""

    def __init__(self, slots: int) -> None:
        self._ready = _http(
            json.dumps(
                {
                    "ok": True,
                    "swift": {"protocol": 1, "forkable": True, "reason": None, "slots": slots},
                }
            ).encode()
        )
        said = {
            "worker": "w1",
            "slot": 0,
            "fork_ms": None,
            "run_ms": 0.0,
            "log_lines": 0,
            "exit": None,
        }
        self._ran = _http(b'{"ok":true}', b"X-Swift: " + json.dumps(said).encode() + b"\r\n")
        self.runs = 0

    async def listen(self, path: str) -> asyncio.AbstractServer:
        """Serve at ``path``, of which each container's socket is another name."""
        loop = asyncio.get_running_loop()
        return await loop.create_unix_server(lambda: Http(self._answer), path, backlog=256)

    def _answer(self, path: bytes, body: bytes) -> bytes:
        if path == b"/run":
            self.runs += 1
            return self._ran
        return self._ready


class Store:
    """Has one action, no blocked namespace, and takes every record."""

    def __init__(self, action: dict[str, object]) -> None:
        self._action = _http(json.dumps(action).encode())
        self.records = 0
        self.writes = 0
        self.last_write_s = 0.0

    async def listen(self) -> tuple[asyncio.AbstractServer, int]:
        """Serve on loopback; the server and its port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Http(self._answer), "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return server, port

    def _answer(self, path: bytes, body: bytes) -> bytes:
        if path.endswith(b"_bulk_docs"):
            documents = json.loads(body)["docs"]
            self.records += len(documents)
            self.writes += 1
            self.last_write_s = time.monotonic()
            written = [{"ok": True, "id": one["_id"], "rev": "1-0"} for one in documents]
            return _http(json.dumps(written).encode())
        if b"/_view/" in path:
            return _http(b'{"total_rows":0,"offset":0,"rows":[]}')
        return self._action
