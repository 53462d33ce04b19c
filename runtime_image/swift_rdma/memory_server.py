"""``python -m swift_rdma.memory_server``: serves memory over RDMA to many clients at once.

Each client gets a region of its own for as long as its TCP connection lives, or shares one with
others that ask for the same name. The server's processor only connects queue pairs (and computes
checksums when asked): reads and writes are the network adapter's work.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from swift_rdma import exchange, gid, verbs
from swift_rdma.errors import ExchangeRefused, RdmaError
from swift_rdma.exchange import Endpoint
from swift_rdma.lane import Place, place
from swift_rdma.peer import DEFAULT_PORT, REGION_NAME
from swift_rdma.regions import Regions, ServedRegion

_HELLO_SECONDS = 10.0
_FILL_SECONDS = 0.05
_KEEPALIVE = {socket.TCP_KEEPIDLE: 15, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
"""A client whose host died is noticed within half a minute, and its memory freed."""


class MemoryServer:
    """Accepts clients on TCP and connects a queue pair for each."""

    def __init__(self, where: Place, length: int, most_clients: int, spare: int) -> None:
        self._regions = Regions(where, length, spare)
        self._most_clients = most_clients
        self._clients: set[asyncio.Task[None]] = set()
        self._filling: asyncio.Task[None] | None = None

    async def listen(self, host: str, port: int) -> int:
        """Start to accept; the port (a free one for 0)."""
        while self._regions.fill():
            pass
        server = await asyncio.start_server(self._accept, host, port)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Drop all clients and free everything."""
        if self._filling is not None:
            self._filling.cancel()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._regions.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        full = len(self._clients) >= self._most_clients
        self._clients.add(task)
        try:
            if full:
                raise ExchangeRefused(f"The server has {self._most_clients} clients already.")
            _keep_alive(writer.get_extra_info("socket"))
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the server ends
        except (RdmaError, asyncio.TimeoutError) as error:
            text = str(error) or f"No hello within {_HELLO_SECONDS} s."
            print(f"client {writer.get_extra_info('peername')}: {text}", file=sys.stderr)
            with suppress(ConnectionError):
                writer.write(exchange.pack({"error": text}))
                await writer.drain()
        finally:
            self._clients.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await asyncio.wait_for(_receive(reader), _HELLO_SECONDS)
        remote = Endpoint.parse(hello.get("endpoint"))
        seat = self._regions.take(_region_name(hello.get("region")))
        try:
            seat.lane.connect(remote)
            mine = seat.lane.endpoint(seat.region.memory)
            writer.write(exchange.pack({"endpoint": mine.to_json()}))
            self._fill_later()
            while True:
                await self._answer(await _receive(reader), seat.region, writer)
        finally:
            seat.close()

    def _fill_later(self) -> None:
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._fill())

    async def _fill(self) -> None:
        """Replace the regions that were handed out, once no client waits for its turn."""
        await asyncio.sleep(_FILL_SECONDS)
        try:
            while self._regions.fill():
                await asyncio.sleep(0)
        except RdmaError as error:
            print(f"no region made ahead: {error}", file=sys.stderr)

    async def _answer(
        self, message: dict[str, Any], region: ServedRegion, writer: asyncio.StreamWriter
    ) -> None:
        wanted = message.get("checksum")
        if wanted is None:
            return  # "ready", which needs no answer
        offset, length = _part(wanted, region.memory.length)
        writer.write(exchange.pack({"sha256": region.checksum(offset, length)}))
        await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    length = exchange.parse_head(await reader.readexactly(exchange.head_length()))
    return exchange.parse_body(await reader.readexactly(length))


def _region_name(name: Any) -> str | None:
    if name is None or (isinstance(name, str) and REGION_NAME.fullmatch(name)):
        return name
    raise ExchangeRefused("The name of a region is 1 to 64 of A-Z a-z 0-9 . _ -")


def _part(wanted: Any, size: int) -> tuple[int, int]:
    if isinstance(wanted, dict):
        offset, length = wanted.get("offset"), wanted.get("length")
        if type(offset) is int and type(length) is int and 0 <= offset <= offset + length <= size:
            return offset, length
    raise ExchangeRefused("A checksum needs an offset and a length within the region.")


def _keep_alive(stream: socket.socket) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE.items():
        stream.setsockopt(socket.IPPROTO_TCP, option, value)


async def serve(arguments: argparse.Namespace) -> None:
    """Open the device, print one line of JSON when ready, serve until SIGTERM or SIGINT."""
    context = verbs.open_device(arguments.device)
    chosen = gid.choose(verbs.gid_table(context), os.environ)
    server = MemoryServer(
        place(context, chosen), arguments.bytes, arguments.clients, arguments.spare
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    port = await server.listen(arguments.host, arguments.port)
    ready = {
        "event": "ready",
        "host": arguments.host,
        "port": port,
        "device": verbs.context_name(context),
        "gid": str(chosen),
        "bytes": arguments.bytes,
    }
    print(json.dumps(ready), flush=True)
    await stop.wait()
    await server.close()
    context.close()


def main() -> int:
    """The command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m swift_rdma.memory_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="TCP address to listen on")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: a free one")
    parser.add_argument("--bytes", type=int, default=1 << 20, help="size of each region")
    parser.add_argument("--clients", type=int, default=1024, help="most clients at once")
    parser.add_argument("--spare", type=int, default=4, help="regions to make ahead")
    parser.add_argument(
        "--device",
        default=os.environ.get("SWIFT_RDMA_DEVICE") or None,
        help="default: SWIFT_RDMA_DEVICE, or the only one",
    )
    arguments = parser.parse_args()
    if arguments.bytes <= 0:
        parser.error("--bytes must be positive")
    try:
        asyncio.run(serve(arguments))
    except (RdmaError, OSError) as error:
        print(f"memory server: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
