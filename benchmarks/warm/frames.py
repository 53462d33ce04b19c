"""How the two processes of this benchmark talk: what a broker is asked, and what it answers.

A frame is its length (4 bytes), a kind (1 byte), a number (8 bytes) and a payload. The number is
an offset for SUBSCRIBE, MESSAGE and COMMIT, else a count by which an answer finds its request.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

SUBSCRIBE, COMMIT, PRODUCE, ANSWER, MESSAGE = range(5)
_HEAD = struct.Struct("!IBQ")

Receive = Callable[[int, int, bytes], None]
"""Called with a frame's kind, number and payload."""


def frame(kind: int, number: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return _HEAD.pack(len(payload), kind, number) + payload


class Frames(asyncio.Protocol):
    """One end of the connection."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand on each frame that is whole."""
        buffer = self._buffer
        buffer += data
        position = 0
        while len(buffer) - position >= _HEAD.size:
            length, kind, number = _HEAD.unpack_from(buffer, position)
            end = position + _HEAD.size + length
            if end > len(buffer):
                break
            self._receive(kind, number, bytes(buffer[position + _HEAD.size : end]))
            position = end
        del buffer[:position]

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Send a frame; those of one turn of the event loop go out together, as Kafka's do."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(frame(kind, number, payload))

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"".join(out))
