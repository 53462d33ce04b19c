"""Asks a broker for its metadata, in Kafka's own protocol, to learn whether it serves yet.

A KRaft broker's port is open before the controller has let the broker in ("unfenced" it); until
then its list of brokers is empty and clients would get errors.
"""

from __future__ import annotations

import socket
import struct

_METADATA, _VERSION, _CORRELATION = 3, 1, 7
_NO_TOPICS = 0


def serves(host: str, port: int, timeout_s: float = 2.0) -> bool:
    """Whether the broker at ``host:port`` lists a broker. Raises OSError when none answers."""
    client = b"devstack"
    body = struct.pack(">hhih", _METADATA, _VERSION, _CORRELATION, len(client)) + client
    body += struct.pack(">i", _NO_TOPICS)
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        (length,) = struct.unpack(">i", _receive(connection, 4))
        answer = _receive(connection, length)
    correlation, brokers = struct.unpack_from(">ii", answer)
    return bool(correlation == _CORRELATION and brokers > 0)


def _receive(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            raise ConnectionError("the broker closed the connection")
        received += part
    return received
