"""The side that waits: messages between two programs that both use this package."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

from swift_rdma import exchange, resources
from swift_rdma.connection import BUFFER_BYTES, Connection
from swift_rdma.errors import PeerUnreachable
from swift_rdma.exchange import Endpoint


class Listener:
    """Waits for a peer that calls :func:`connect`, for messages between two programs."""

    def __init__(self, host: str, port: int = 0, *, buffer_bytes: int = BUFFER_BYTES) -> None:
        self._server = socket.create_server((host, port))
        self._buffer_bytes = buffer_bytes
        self.port: int = self._server.getsockname()[1]

    def accept(self, timeout_s: float = 10.0) -> Connection:
        """The next peer, connected."""
        deadline = time.monotonic() + timeout_s
        self._server.settimeout(timeout_s)
        try:
            stream, address = self._server.accept()
        except TimeoutError as error:
            raise PeerUnreachable(f"Nobody connected within {timeout_s} s.") from error
        provider = resources.current()
        with ExitStack() as undo:
            undo.callback(stream.close)
            stream.settimeout(max(0.001, deadline - time.monotonic()))
            remote = Endpoint.parse(exchange.receive(stream).get("endpoint"))
            lane = provider.lane()
            undo.callback(provider.release, lane)
            buffer = provider.region(self._buffer_bytes)
            undo.callback(buffer.close)
            lane.connect(remote)
            exchange.send(stream, {"endpoint": lane.endpoint().to_json()})
            exchange.receive(stream)  # the peer's queue pair is ready
            undo.pop_all()
        name = f"{address[0]}:{address[1]}"
        return Connection(name, provider, lane, buffer, remote, stream, timeout_s)

    def close(self) -> None:
        self._server.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
