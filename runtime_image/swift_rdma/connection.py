"""A connection to a peer: one-sided reads and writes of its region, and messages."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from swift_rdma import dial, exchange, resources
from swift_rdma.dial import Ahead
from swift_rdma.errors import ExchangeRefused, OutOfBounds, RdmaError
from swift_rdma.exchange import Endpoint
from swift_rdma.lane import Lane
from swift_rdma.memory import Buffer
from swift_rdma.peer import Peer

BUFFER_BYTES = 65536


def connect(peer: str, *, buffer_bytes: int = BUFFER_BYTES, timeout_s: float = 10.0) -> Connection:
    """Connect to ``HOST:PORT`` (a region of our own there) or ``HOST:PORT/REGION`` (shared).

    ``buffer_bytes`` of registered memory carry the data: what is larger goes in pieces.
    ``timeout_s`` bounds the exchange and each operation. Raises :class:`RdmaError`; its text
    names the remedy.
    """
    target = Peer.parse(peer)
    provider = resources.current()
    ahead = provider.connected(target)
    if ahead is not None:
        return _take_up(ahead, target, provider, buffer_bytes, timeout_s)
    with ExitStack() as undo:
        lane = provider.lane()
        undo.callback(provider.release, lane)
        buffer = provider.region(buffer_bytes)
        undo.callback(buffer.close)
        stream, remote = dial.reach(target, lane, timeout_s)
        undo.callback(stream.close)
        lane.connect(remote)
        exchange.send(stream, {"ready": True})
        undo.pop_all()
    return Connection(str(target), provider, lane, buffer, remote, stream, timeout_s)


def _take_up(
    ahead: Ahead, target: Peer, provider: resources.Resources, buffer_bytes: int, timeout_s: float
) -> Connection:
    """A connection of what was connected before."""
    with ExitStack() as undo:
        undo.callback(provider.release, ahead.lane)
        undo.callback(dial.hang_up, ahead.stream)
        buffer = provider.region(buffer_bytes)
        undo.pop_all()
    ahead.stream.settimeout(timeout_s)
    return Connection(
        str(target), provider, ahead.lane, buffer, ahead.remote, ahead.stream, timeout_s
    )


class Connection:
    """Connected queue pairs here and there; use it as a context manager.

    The real pyverbs objects are ``queue_pair``, ``completion_queue``, ``protection_domain``,
    ``context`` and ``memory_region``.
    """

    def __init__(
        self,
        peer: str,
        provider: resources.Resources,
        lane: Lane,
        buffer: Buffer,
        remote: Endpoint,
        stream: socket.socket,
        timeout_s: float,
    ) -> None:
        self.peer = peer
        self.remote = remote
        """The peer's queue pair and region."""
        self._provider = provider
        self._lane = lane
        self._buffer = buffer
        self._inbox: Buffer | None = None
        self._awaited: int | None = None
        self._stream = stream
        self._timeout_s = timeout_s
        self._closed = False

    @property
    def length(self) -> int:
        """Bytes of the peer's region."""
        return self.remote.length

    @property
    def gid(self) -> str:
        """Our address on the RDMA network, and of what kind it is."""
        return str(self._lane.place.gid)

    @property
    def context(self) -> Any:
        return self._lane.place.context

    @property
    def protection_domain(self) -> Any:
        return self._lane.protection_domain

    @property
    def queue_pair(self) -> Any:
        return self._lane.queue_pair

    @property
    def completion_queue(self) -> Any:
        return self._lane.completion_queue

    @property
    def memory_region(self) -> Any:
        return self._buffer.mr

    def write(self, data: bytes | bytearray | memoryview, offset: int = 0) -> None:
        """Write ``data`` into the peer's region at ``offset``; it is there when this returns."""
        source = memoryview(data).cast("B")
        self._check(offset, len(source))
        for start in range(0, len(source), self._buffer.length):
            piece = source[start : start + self._buffer.length]
            self._buffer.view[: len(piece)] = piece
            self._one_sided("RDMA_WRITE", len(piece), offset + start)

    def read(self, length: int, offset: int = 0) -> bytes:
        """Read ``length`` bytes of the peer's region from ``offset``."""
        self._check(offset, length)
        data = bytearray(length)
        for start in range(0, length, self._buffer.length):
            size = min(self._buffer.length, length - start)
            self._one_sided("RDMA_READ", size, offset + start)
            data[start : start + size] = self._buffer.view[:size]
        return bytes(data)

    def send(self, data: bytes | bytearray | memoryview) -> None:
        """Send one message, of ``buffer_bytes`` at most; the peer takes it with ``recv``."""
        self._check_open()
        source = memoryview(data).cast("B")
        if len(source) > self._buffer.length:
            raise OutOfBounds(
                f"A message of {len(source)} bytes; connect with buffer_bytes that large."
            )
        self._buffer.view[: len(source)] = source
        self._lane.transfer("SEND", self._buffer, len(source), self._timeout_s)

    def recv(self, timeout_s: float | None = None) -> bytes:
        """Take one message; waits for it."""
        self._check_open()
        if self._inbox is None:
            self._inbox = self._provider.region(self._buffer.length)
        if self._awaited is None:
            self._awaited = self._lane.post_receive(self._inbox)
        wait_s = self._timeout_s if timeout_s is None else timeout_s
        length = self._lane.wait_receive(self._awaited, wait_s)
        self._awaited = None
        return bytes(self._inbox.view[:length])

    def checksum(self, length: int, offset: int = 0) -> str:
        """SHA-256 (hex) of the peer's region, computed by the peer and sent over TCP."""
        self._check(offset, length)
        exchange.send(self._stream, {"checksum": {"offset": offset, "length": length}})
        answer = exchange.receive(self._stream).get("sha256")
        if not isinstance(answer, str):
            raise ExchangeRefused(f"{self.peer} sent no checksum.")
        return answer

    def close(self) -> None:
        """Give everything back; the peer notices and frees its side. May be called again."""
        if self._closed:
            return
        self._closed = True
        dial.hang_up(self._stream)
        self._provider.release(self._lane)
        self._buffer.close()
        if self._inbox is not None:
            self._inbox.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _one_sided(self, opcode: str, length: int, offset: int) -> None:
        remote = (self.remote.address + offset, self.remote.remote_key)
        self._lane.transfer(opcode, self._buffer, length, self._timeout_s, remote)

    def _check(self, offset: int, length: int) -> None:
        self._check_open()
        if offset < 0 or length < 0 or offset + length > self.remote.length:
            raise OutOfBounds(
                f"Bytes {offset} to {offset + length} of {self.peer}: its region has"
                f" {self.remote.length}."
            )

    def _check_open(self) -> None:
        if self._closed:
            raise RdmaError(f"The connection to {self.peer} is closed.")
