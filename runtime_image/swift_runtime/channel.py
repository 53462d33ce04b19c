"""The control channel between proxy and template: small JSON messages with file descriptors.

A ``SOCK_SEQPACKET`` pair keeps message borders and carries descriptors by ``SCM_RIGHTS``. What
is large (the code of an action) travels as a memory file's descriptor, never as a message.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

_MESSAGE_BYTES = 65536
_DESCRIPTORS = 8


class ChannelClosed(Exception):
    """The other side is gone."""


class Channel:
    """One end of the control channel."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two connected ends; neither is inherited over exec."""
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(left), cls(right)

    def fileno(self) -> int:
        return self._socket.fileno()

    def set_blocking(self, blocking: bool) -> None:
        self._socket.setblocking(blocking)

    def send(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send one message; the descriptors stay open on this side too."""
        data = json.dumps(message).encode()
        if len(data) > _MESSAGE_BYTES:
            raise ValueError(f"control message of {len(data)} bytes; at most {_MESSAGE_BYTES}")
        try:
            if descriptors:
                socket.send_fds(self._socket, [data], list(descriptors))
            else:
                self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosed from error

    def receive(self) -> tuple[dict[str, Any], list[int]]:
        """Take one message; raises :class:`ChannelClosed` at the end, BlockingIOError if none."""
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._socket, _MESSAGE_BYTES, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError as error:
            raise ChannelClosed from error
        if not data:
            raise ChannelClosed
        return json.loads(data), list(descriptors)

    def close(self) -> None:
        self._socket.close()


def memory_file(data: bytes) -> int:
    """A descriptor of an anonymous file that holds ``data``."""
    descriptor = os.memfd_create("swift", os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as stream:
        stream.write(data)
    return descriptor


def read_memory_file(descriptor: int) -> bytes:
    """All of a memory file from its start; closes it."""
    with open(descriptor, "rb") as stream:
        stream.seek(0)
        return stream.read()
