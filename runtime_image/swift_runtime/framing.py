"""Frames between proxy and worker: two lengths, a small JSON header, then raw bytes.

The body of a ``/run`` goes to the worker, and its result comes back, as the bytes they are: the
proxy never parses and writes them anew.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_LENGTHS = struct.Struct("!IQ")


def pack(header: dict[str, Any], body: bytes) -> list[bytes]:
    """The pieces of a frame, in order."""
    text = json.dumps(header).encode()
    return [_LENGTHS.pack(len(text), len(body)) + text, body]


def read(stream: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """Read one frame from a blocking socket; None when the other side has closed it."""
    lengths = _read_exactly(stream, _LENGTHS.size)
    if lengths is None:
        return None
    header_length, body_length = _LENGTHS.unpack(lengths)
    content = _read_exactly(stream, header_length + body_length)
    if content is None:
        return None
    return json.loads(bytes(content[:header_length])), bytes(content[header_length:])


def _read_exactly(stream: socket.socket, length: int) -> memoryview | None:
    buffer = memoryview(bytearray(length))
    filled = 0
    while filled < length:
        count = stream.recv_into(buffer[filled:])
        if count == 0:
            return None
        filled += count
    return buffer


class Assembler:
    """Puts a frame together from the pieces that a non-blocking socket gives."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> tuple[dict[str, Any], bytes] | None:
        """Add ``data``; the frame once it is whole."""
        self._buffer += data
        if len(self._buffer) < _LENGTHS.size:
            return None
        header_length, body_length = _LENGTHS.unpack_from(self._buffer)
        end = _LENGTHS.size + header_length + body_length
        if len(self._buffer) < end:
            return None
        content = memoryview(self._buffer)[_LENGTHS.size : end]
        frame = json.loads(bytes(content[:header_length])), bytes(content[header_length:])
        content.release()
        del self._buffer[:end]
        return frame
