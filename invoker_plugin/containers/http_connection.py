"""One connection to a container's proxy, over a Unix socket or TCP, with a hard deadline.

Plain non-blocking sockets rather than streams or aiohttp: a small /run costs a few tens of
microseconds this way, and it is known exactly whether anything was delivered, which decides
whether a job may run again elsewhere (behaviour 107).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from dataclasses import dataclass

from invoker_plugin.containers.http_message import Answer, BadAnswer

_FIRST_READ = 16 * 1024
_FURTHER_READ = 256 * 1024
_DISCARD_LIMIT = 64 * 1024 * 1024
"""Of an answer over the limit the rest is read and dropped, so that the runtime can finish; of one
longer than this it is not."""


class Refused(Exception):
    """Nothing was delivered: no listener, no route, no socket yet, or a dead kept connection."""


class Expired(Exception):
    """The deadline passed."""


class Broken(Exception):
    """The connection failed after something may have been delivered."""


@dataclass(frozen=True)
class UnixAddress:
    """A socket that the container made in a directory of its own."""

    path: str

    @property
    def host(self) -> str:
        return "localhost"


@dataclass(frozen=True)
class TcpAddress:
    """A container's address on its network."""

    ip: str
    port: int

    @property
    def host(self) -> str:
        return f"{self.ip}:{self.port}"


Address = UnixAddress | TcpAddress


class Connection:
    """One open connection; requests go over it one after another."""

    __slots__ = ("_expired", "_loop", "_socket")

    def __init__(self, opened: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._socket = opened
        self._loop = loop
        self._expired = False

    @classmethod
    async def open(cls, address: Address, wait_s: float) -> Connection:
        """Connect within ``wait_s`` seconds. Raises Refused."""
        loop = asyncio.get_running_loop()
        family = socket.AF_UNIX if isinstance(address, UnixAddress) else socket.AF_INET
        if isinstance(address, TcpAddress) and ":" in address.ip:
            family = socket.AF_INET6
        opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            if isinstance(address, UnixAddress):
                _connect_unix(opened, address.path)
            else:
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await _connect_tcp(opened, address, loop, wait_s)
        except asyncio.TimeoutError:
            opened.close()
            raise Refused(f"no connection within {wait_s * 1000:.0f} ms") from None
        except OSError as error:
            opened.close()
            raise Refused(f"{address.host}: {error.strerror or error}") from None
        except BaseException:
            opened.close()
            raise
        return cls(opened, loop)

    async def exchange(self, request: bytes, answer: Answer, wait_s: float) -> None:
        """Send ``request`` and receive the whole of ``answer`` within ``wait_s`` seconds.

        Raises Refused, Expired, Broken; the connection is of no more use then.
        """
        deadline = self._loop.call_later(wait_s, self._expire)
        try:
            await self._send(request)
            await self._receive(answer)
        except OSError as error:
            if self._expired:
                raise Expired("no answer in time") from None
            raise Broken(error.strerror or str(error)) from None
        except BadAnswer as error:
            if self._expired:
                raise Expired("no answer in time") from None
            raise Broken(str(error)) from None
        finally:
            deadline.cancel()

    def close(self) -> None:
        """Close; harmless when closed."""
        self._socket.close()

    def _expire(self) -> None:
        """Wake whoever waits on the socket: cheaper than a task and a timer for each wait."""
        self._expired = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # Not connected any more: the waiting side sees that by itself.
            return

    async def _send(self, request: bytes) -> None:
        try:
            sent = self._socket.send(request)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            # Not one byte was taken: the container closed a kept connection meanwhile.
            raise Refused(error.strerror or str(error)) from None
        if sent < len(request):
            await self._loop.sock_sendall(self._socket, memoryview(request)[sent:])

    async def _receive(self, answer: Answer) -> None:
        size = _FIRST_READ
        while not answer.finished:
            data = await self._loop.sock_recv(self._socket, size)
            size = _FURTHER_READ
            if not data:
                if self._expired:
                    raise Expired("no answer in time")
                answer.end()
                return
            answer.feed(data)
            if answer.received > _DISCARD_LIMIT and not answer.finished:
                answer.keep_alive = False
                return


async def _connect_tcp(
    opened: socket.socket, address: TcpAddress, loop: asyncio.AbstractEventLoop, wait_s: float
) -> None:
    target = (address.ip, address.port)
    # On one host the handshake is mostly done when the call returns, though it says "in progress":
    # asked again, it says "connected", which spares a task and a turn of the event loop.
    code = opened.connect_ex(target) and opened.connect_ex(target)
    if code in (0, errno.EISCONN):
        return
    if code not in (errno.EALREADY, errno.EINPROGRESS):
        raise OSError(code, os.strerror(code))
    await asyncio.wait_for(loop.sock_connect(opened, target), wait_s)


def _connect_unix(opened: socket.socket, path: str) -> None:
    """Connect to a socket that the container made, and to nothing else.

    The container may put a symbolic link there, to Docker's own socket or a neighbour's. So the
    file is pinned first, without following links, and the connection goes to what was pinned.
    A full backlog answers EAGAIN here, which asyncio's own connect takes for a connection in
    progress; as an OSError it counts as refused.
    """
    pinned = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(pinned).st_mode):
            raise OSError(f"{path} is no socket")
        opened.connect(f"/proc/self/fd/{pinned}")
    finally:
        os.close(pinned)
