"""TLS in front of a server that has none: as a reverse proxy does it for CouchDB."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_START_S = 30.0


@contextmanager
def terminated(context: ssl.SSLContext, host: str, port: int) -> Iterator[int]:
    """A port of loopback that passes what comes over TLS on to ``host:port``."""
    terminator = _Terminator(context, host, port)
    thread = threading.Thread(target=lambda: asyncio.run(terminator.serve()))
    thread.start()
    try:
        assert terminator.up.wait(_START_S)
        yield terminator.port
    finally:
        terminator.end()
        thread.join(_START_S)


class _Terminator:
    def __init__(self, context: ssl.SSLContext, host: str, port: int) -> None:
        self._context = context
        self._behind = host, port
        self.up = threading.Event()
        self.port = 0

    async def serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve_one, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self.up.set()
        await self._over.wait()
        server.close()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection(*self._behind)
        await asyncio.gather(_pass_on(reader, behind_writer), _pass_on(behind_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
