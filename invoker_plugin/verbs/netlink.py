"""RDMA devices as the kernel tells them over netlink: the questions and answers as bytes. Pure.

Own code, for lack of a library: two requests of ``rdma/rdma_netlink.h``, the same two that
libibverbs asks (``libibverbs/ibdev_nl.c``). The device's index and its driver are told in no
other way.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from invoker_plugin.verbs.layout import CacheFault

PROTOCOL = 20
"""NETLINK_RDMA."""
_NLDEV = 5 << 10
_GET = _NLDEV | 1
_GET_CHARDEV = _NLDEV | 15
_DEV_INDEX, _DEV_NAME, _PORT_INDEX, _NODE_GUID, _NODE_TYPE = 1, 2, 3, 6, 14
_CHARDEV_TYPE, _CHARDEV_NAME, _CHARDEV_ABI, _CHARDEV, _DRIVER_ID = 69, 70, 71, 72, 73
_REQUEST, _DUMP = 1, 0x300
_ERROR, _DONE = 2, 3
_MESSAGE = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_KNOWN_NODE_TYPES = range(1, 8)
"""``enum rdma_node_type``, which ``enum ibv_node_type`` repeats."""


@dataclass(frozen=True)
class Link:
    """A device of the kernel's list."""

    index: int
    name: str
    ports: int
    node_guid: int
    node_type: int


@dataclass(frozen=True)
class CharacterDevice:
    """The uverbs device of one."""

    name: str
    major: int
    minor: int
    abi_version: int
    driver_id: int


class NoAnswer(CacheFault):
    """The kernel answered with an error."""


def ask_devices(sequence: int) -> bytes:
    """The request for all devices."""
    return _MESSAGE.pack(_MESSAGE.size, _GET, _REQUEST | _DUMP, sequence, 0)


def ask_character_device(sequence: int, index: int) -> bytes:
    """The request for the uverbs device of one."""
    body = _attribute(_DEV_INDEX, struct.pack("=I", index))
    body += _attribute(_CHARDEV_TYPE, b"uverbs\0")
    return _MESSAGE.pack(_MESSAGE.size + len(body), _GET_CHARDEV, _REQUEST, sequence, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    data = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value
    return data + bytes(-len(data) % 4)


def bodies(data: bytes, sequence: int) -> tuple[list[bytes], bool]:
    """The answers in one datagram, and whether a dump ends with it. Raises :class:`NoAnswer`."""
    found: list[bytes] = []
    while data:
        if len(data) < _MESSAGE.size:
            raise CacheFault("kernel sent half a netlink message")
        length, kind, _, number, _ = _MESSAGE.unpack_from(data)
        if not _MESSAGE.size <= length <= len(data):
            raise CacheFault("kernel sent half a netlink message")
        body = data[_MESSAGE.size : length]
        data = data[(length + 3) & ~3 :]
        if number != sequence:
            continue  # a late answer to an earlier question
        if kind == _DONE:
            return found, True
        if kind == _ERROR:
            raise NoAnswer(f"netlink error {-struct.unpack_from('=i', body)[0]}")
        found.append(body)
    return found, False


def link(body: bytes) -> Link:
    """One of the answers to :func:`ask_devices`."""
    found = dict(_attributes(body))
    node_type = _number(found, _NODE_TYPE)
    return Link(
        _number(found, _DEV_INDEX),
        _string(found, _DEV_NAME),
        _number(found, _PORT_INDEX),
        _number(found, _NODE_GUID),
        node_type if node_type in _KNOWN_NODE_TYPES else -1,
    )


def character_device(body: bytes) -> CharacterDevice:
    """The answer to :func:`ask_character_device`."""
    found = dict(_attributes(body))
    number = _number(found, _CHARDEV)
    return CharacterDevice(
        _string(found, _CHARDEV_NAME),
        # the kernel's huge_encode_dev
        (number & 0xFFF00) >> 8,
        (number & 0xFF) | (number >> 12 & 0xFFF00),
        _number(found, _CHARDEV_ABI) & 0xFFFFFFFF,
        _number(found, _DRIVER_ID) if _DRIVER_ID in found else 0,
    )


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    while len(body) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(body)
        if not _ATTRIBUTE.size <= length <= len(body):
            raise CacheFault("kernel sent half a netlink attribute")
        yield kind & 0x3FFF, body[_ATTRIBUTE.size : length]
        body = body[(length + 3) & ~3 :]


def _number(found: dict[int, bytes], kind: int) -> int:
    value = found.get(kind, b"")
    if len(value) not in (1, 4, 8):
        raise CacheFault(f"kernel told no number as attribute {kind}")
    return int.from_bytes(value, "little" if struct.pack("=H", 1)[0] else "big")


def _string(found: dict[int, bytes], kind: int) -> str:
    return found.get(kind, b"").partition(b"\0")[0].decode(errors="replace")
