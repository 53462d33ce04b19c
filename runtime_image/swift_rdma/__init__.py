"""RDMA for actions: connect to a peer, write and read its memory, send and receive messages.

    import swift_rdma

    def main(args):
        with swift_rdma.connect(args["peer"]) as peer:
            peer.write(b"hello")
            return {"back": peer.read(5).decode()}

Importing this does not import pyverbs; the first use (or :func:`preload`) does.
"""

from __future__ import annotations

from swift_rdma.connection import Connection, connect
from swift_rdma.errors import (
    CompletionFailed,
    DeviceUnavailable,
    ExchangeRefused,
    MemoryNotLockable,
    NoUsableGid,
    OutOfBounds,
    PeerUnreachable,
    RdmaError,
)
from swift_rdma.listener import Listener

__all__ = [
    "CompletionFailed",
    "Connection",
    "DeviceUnavailable",
    "ExchangeRefused",
    "Listener",
    "MemoryNotLockable",
    "NoUsableGid",
    "OutOfBounds",
    "PeerUnreachable",
    "RdmaError",
    "connect",
    "preload",
]


def preload() -> None:
    """Import pyverbs now, for instance in a template, so that no fork has to."""
    from swift_rdma import verbs

    verbs.load()
