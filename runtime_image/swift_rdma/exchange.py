"""Connection data of two queue pairs, exchanged over TCP.

A message is 4 bytes ``SWRX``, a version byte, a reserved byte, two bytes of length (big-endian),
then that many bytes of JSON, an object. Whoever connects speaks first. Every number is checked
before it is used: the peer may be anyone.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import asdict, dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from swift_rdma.errors import ExchangeRefused, PeerUnreachable

VERSION = 1
MAX_BYTES = 4096
_MAGIC = b"SWRX"
_HEAD = struct.Struct("!4sBxH")
_MTUS = (256, 512, 1024, 2048, 4096)


@dataclass(frozen=True)
class Endpoint:
    """What a peer must know of a queue pair, and of the memory that it may reach through it."""

    queue_pair: int
    packet_sequence: int
    gid: str
    lid: int
    """InfiniBand's local address; 0 on RoCE."""
    mtu: int
    """Bytes."""
    address: int
    remote_key: int
    length: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def parse(cls, content: Any) -> Endpoint:
        """Check and take a peer's; raises :class:`ExchangeRefused`."""
        if not isinstance(content, dict):
            raise ExchangeRefused("The peer sent no endpoint.")
        gid = content.get("gid")
        try:
            address = IPv6Address(gid if isinstance(gid, str) else "")
        except AddressValueError as error:
            raise ExchangeRefused(f"The peer sent {gid!r} as its GID.") from error
        if int(address) == 0:
            raise ExchangeRefused("The peer sent an empty GID.")
        if content.get("mtu") not in _MTUS:
            raise ExchangeRefused(f"The peer sent {content.get('mtu')!r} as its MTU.")
        endpoint = cls(
            queue_pair=_number(content, "queue_pair", 24),
            packet_sequence=_number(content, "packet_sequence", 24),
            gid=str(address),
            lid=_number(content, "lid", 16),
            mtu=content["mtu"],
            address=_number(content, "address", 64),
            remote_key=_number(content, "remote_key", 32),
            length=_number(content, "length", 48),
        )
        if endpoint.address + endpoint.length > 1 << 64:
            raise ExchangeRefused("The peer's region does not fit its address space.")
        return endpoint


def _number(content: dict[str, Any], name: str, bits: int) -> int:
    value = content.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        raise ExchangeRefused(f"The peer sent {value!r} as {name}.")
    return value


def pack(content: dict[str, Any]) -> bytes:
    """One message."""
    data = json.dumps(content).encode()
    if len(data) > MAX_BYTES:
        raise ValueError(f"a message of {len(data)} bytes; at most {MAX_BYTES}")
    return _HEAD.pack(_MAGIC, VERSION, len(data)) + data


def head_length() -> int:
    """Bytes before the JSON."""
    return _HEAD.size


def parse_head(head: bytes) -> int:
    """The length of the JSON that follows; raises :class:`ExchangeRefused`."""
    magic, version, length = _HEAD.unpack(head)
    if magic != _MAGIC:
        raise ExchangeRefused("The peer does not speak the exchange of swift_rdma: wrong port?")
    if version != VERSION:
        raise ExchangeRefused(f"The peer speaks version {version} of the exchange, not {VERSION}.")
    if length > MAX_BYTES:
        raise ExchangeRefused(f"The peer announced {length} bytes; at most {MAX_BYTES} are taken.")
    return int(length)


def parse_body(data: bytes) -> dict[str, Any]:
    """The content of a message; raises :class:`ExchangeRefused`."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ExchangeRefused("The peer sent no JSON.") from error
    if not isinstance(content, dict):
        raise ExchangeRefused("The peer sent JSON that is no object.")
    return content


def send(stream: socket.socket, content: dict[str, Any]) -> None:
    """Send one message on a blocking socket."""
    try:
        stream.sendall(pack(content))
    except OSError as error:
        raise PeerUnreachable(f"The peer hung up during the exchange: {error}") from error


def receive(stream: socket.socket) -> dict[str, Any]:
    """Take one message from a blocking socket; an ``error`` in it is raised as a refusal."""
    content = parse_body(_exactly(stream, parse_head(_exactly(stream, _HEAD.size))))
    if "error" in content:
        raise ExchangeRefused(f"The peer refused: {str(content['error'])[:500]}")
    return content


def _exactly(stream: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        try:
            piece = stream.recv(length - len(data))
        except OSError as error:
            raise PeerUnreachable(f"The peer does not answer the exchange: {error}") from error
        if not piece:
            raise PeerUnreachable("The peer hung up during the exchange: its log says why.")
        data += piece
    return data
