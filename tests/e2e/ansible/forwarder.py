"""Ports of this host's loopback on one more of its addresses, for machines that deploy."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

_BLOCK = 65536


@dataclass
class Forwarder:
    """``address:port`` leads to ``127.0.0.1:port`` for each of ``ports``, until :meth:`close`."""

    address: str
    ports: Sequence[int]
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop, init=False)

    def open(self) -> None:
        """Listen."""
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(30)

    def close(self) -> None:
        """End; connections go with it."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _listen(self) -> None:
        for port in self.ports:
            await asyncio.start_server(self._serving(port), self.address, port)

    def _serving(self, port: int) -> object:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                # Nothing listens there: the caller finds its connection closed, as it would there.
                writer.close()
                return
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

        return serve


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()
    except ConnectionError:
        # The other side is gone, or will notice that this one is.
        return
    finally:
        writer.close()
