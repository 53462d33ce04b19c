"""Reaching a peer over TCP, where connection data is exchanged."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass

from swift_rdma import exchange, phases
from swift_rdma.errors import PeerUnreachable
from swift_rdma.exchange import Endpoint
from swift_rdma.lane import Lane
from swift_rdma.peer import Peer


@dataclass(frozen=True)
class Ahead:
    """A lane that was connected to a peer ahead of its use."""

    lane: Lane
    remote: Endpoint
    stream: socket.socket

    def alive(self) -> bool:
        """Whether the peer still holds its side: nothing was sent, nothing was closed."""
        self.stream.setblocking(False)  # with a time-out Python would wait for something to come
        try:
            self.stream.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False  # it hung up, or says something that nobody asked for

    def close(self) -> None:
        """Hang up and destroy the lane; by the process that made it."""
        hang_up(self.stream)
        self.lane.close()


def ahead(target: Peer, lane: Lane, timeout_s: float) -> Ahead:
    """Connect ``lane`` to ``target``."""
    stream, remote = reach(target, lane, timeout_s)
    try:
        lane.connect(remote)
        exchange.send(stream, {"ready": True})
    except BaseException:
        hang_up(stream)
        raise
    return Ahead(lane, remote, stream)


def hang_up(stream: socket.socket) -> None:
    """End a TCP connection, also when other processes have inherited it."""
    with suppress(OSError):  # it may be down already
        stream.shutdown(socket.SHUT_RDWR)
    stream.close()


def reach(target: Peer, lane: Lane, timeout_s: float) -> tuple[socket.socket, Endpoint]:
    """Exchange connection data with ``target``; the open TCP connection and the peer's data."""
    with phases.phase("exchange"):
        stream = _dial(target, timeout_s)
        try:
            hello = {"endpoint": lane.endpoint().to_json(), "region": target.region}
            exchange.send(stream, hello)
            return stream, Endpoint.parse(exchange.receive(stream).get("endpoint"))
        except BaseException:
            stream.close()
            raise


def _dial(target: Peer, timeout_s: float) -> socket.socket:
    # as bytes, or getaddrinfo imports the IDNA codec: 30 ms of a fork on a slow machine
    host: str | bytes = target.host.encode() if target.host.isascii() else target.host
    try:
        stream = socket.create_connection((host, target.port), timeout_s)  # type: ignore[arg-type]
    except ConnectionRefusedError as error:
        raise PeerUnreachable(
            f"{target} refuses connections: is its memory server running, on that port?"
        ) from error
    except OSError as error:
        raise PeerUnreachable(
            f"{target} can't be reached over TCP ({error}): check the address, and that the"
            " container's network has a route to it."
        ) from error
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream
