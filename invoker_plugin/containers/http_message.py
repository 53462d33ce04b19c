"""HTTP/1.1 as runtime proxies speak it: build a request, parse an answer as it comes in.

Source: RFC 9112. Only what the container contract needs, because this is the hot path; what comes
from a container is hostile until parsed, so heads and bodies are bounded.
"""

from __future__ import annotations

from typing import Literal

LONGEST_HEAD = 64 * 1024


class BadAnswer(Exception):
    """The container's bytes are no HTTP answer; the text says how."""


def request(method: str, path: str, body: bytes, host: str, keep: bool) -> bytes:
    """One request with a JSON body (none for ``b""``), ready to be sent."""
    connection = "keep-alive" if keep else "close"
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {connection}\r\n\r\n"
    )
    return head.encode("ascii") + body


class Answer:
    """An answer as far as it was received.

    A body up to ``limit_bytes`` is kept whole, of a longer one the first ``keep_bytes``. ``size``
    is the length that was announced or, where none was, what came.
    """

    __slots__ = (
        "_announced",
        "_chunked",
        "_head",
        "_keep_bytes",
        "_limit_bytes",
        "_received",
        "_state",
        "body",
        "headers",
        "keep_alive",
        "status",
    )

    def __init__(self, limit_bytes: int, keep_bytes: int) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.keep_alive = False
        self.body = bytearray()
        self._limit_bytes = limit_bytes
        self._keep_bytes = keep_bytes
        self._head = bytearray()
        self._state: Literal["head", "body", "done"] = "head"
        self._announced: int | None = None
        self._received = 0
        self._chunked: Chunks | None = None

    @property
    def finished(self) -> bool:
        """True when the whole answer is here."""
        return self._state == "done"

    @property
    def size(self) -> int:
        """The body's real length in bytes, as far as it is known."""
        return self._received if self._announced is None else self._announced

    @property
    def received(self) -> int:
        """Bytes of the body that came, kept or not."""
        return self._received

    def feed(self, data: bytes) -> None:
        """Take what was received. Raises BadAnswer."""
        if self._state == "head":
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                if len(self._head) > LONGEST_HEAD:
                    raise BadAnswer(f"head of more than {LONGEST_HEAD} bytes")
                return
            data = bytes(self._head[end + 4 :])
            self._parse_head(bytes(self._head[:end]))
            if self._state == "head":
                # An interim answer (100 Continue); the real one follows.
                self._head.clear()
                if data:
                    self.feed(data)
                return
        if self._state == "body":
            self._take(data)

    def end(self) -> None:
        """The connection ended. Raises BadAnswer when the answer was not complete."""
        if self._state == "body" and self._announced is None and self._chunked is None:
            self._finish()
        if self._state != "done":
            raise BadAnswer(
                f"connection ended after {self._received} of {self._announced} bytes"
                if self._announced is not None
                else "connection ended before the answer did"
            )

    def kept(self) -> bytes:
        """The body, cut at ``keep_bytes`` when it is longer than ``limit_bytes``."""
        if self.size > self._limit_bytes:
            return bytes(self.body[: self._keep_bytes])
        return bytes(self.body)

    def _parse_head(self, head: bytes) -> None:
        lines = head.split(b"\r\n")
        first = lines[0]
        if not first.startswith(b"HTTP/1.") or not first[9:12].isdigit():
            raise BadAnswer(f"no HTTP status line: {first[:60]!r}")
        self.status = int(first[9:12])
        if 100 <= self.status < 200:
            return
        headers = self.headers
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        connection = headers.get(b"connection", b"").lower()
        is_11 = first.startswith(b"HTTP/1.1")
        self.keep_alive = b"close" not in connection if is_11 else b"keep-alive" in connection
        self._frame()

    def _frame(self) -> None:
        """Find out how the body ends."""
        self._state = "body"
        if b"chunked" in self.headers.get(b"transfer-encoding", b"").lower():
            self._chunked = Chunks()
            return
        length = self.headers.get(b"content-length")
        if length is not None:
            if not length.isdigit() or len(length) > 18:
                raise BadAnswer(f"Content-Length is {length[:40]!r}")
            self._announced = int(length)
        if self.status in (204, 304) or self._announced == 0:
            self._finish()
        elif length is None:
            self.keep_alive = False

    def _take(self, data: bytes) -> None:
        if self._chunked is not None:
            for piece in self._chunked.feed(data):
                self._store(piece)
            if self._chunked.finished:
                self._finish()
            return
        self._store(data)
        if self._announced is not None and self._received >= self._announced:
            if self._received > self._announced:
                # More than was announced: what follows is no answer of ours.
                self.keep_alive = False
                del self.body[self._announced :]
            self._finish()

    def _store(self, data: bytes) -> None:
        self._received += len(data)
        room = max(self._limit_bytes, self._keep_bytes) + 1 - len(self.body)
        if room > 0:
            self.body += data if len(data) <= room else data[:room]

    def _finish(self) -> None:
        self._state = "done"


class Chunks:
    """Decodes a chunked body."""

    __slots__ = ("_buffer", "_left", "_trailer", "finished")

    def __init__(self) -> None:
        self.finished = False
        self._buffer = bytearray()
        self._left = 0
        self._trailer = False

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of body in ``data``. Raises BadAnswer."""
        self._buffer += data
        pieces: list[bytes] = []
        while not self.finished:
            if self._left > 2:
                piece = bytes(self._buffer[: self._left - 2])
                del self._buffer[: len(piece)]
                self._left -= len(piece)
                if piece:
                    pieces.append(piece)
                if self._left > 2:
                    break
            if not self._line():
                break
        return pieces

    def _line(self) -> bool:
        """Take one line: a chunk's closing one, a size, or a trailer. False: not all here yet."""
        if self._left:
            if len(self._buffer) < self._left:
                return False
            if self._buffer[: self._left] != b"\r\n"[2 - self._left :]:
                raise BadAnswer("chunk without its closing line")
            del self._buffer[: self._left]
            self._left = 0
            return True
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > LONGEST_HEAD:
                raise BadAnswer("chunk size line without an end")
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if self._trailer:
            self.finished = not line
            return True
        self._size(line)
        return True

    def _size(self, line: bytes) -> None:
        digits = line.partition(b";")[0].strip()
        try:
            size = int(digits, 16)
        except ValueError:
            raise BadAnswer(f"chunk size is {digits[:20]!r}") from None
        if size < 0 or len(digits) > 16:
            raise BadAnswer(f"chunk size is {digits[:20]!r}")
        if size:
            # The chunk and the two bytes that close it.
            self._left = size + 2
        else:
            self._trailer = True
