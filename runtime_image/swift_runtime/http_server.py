"""As much of HTTP/1.1 as an invoker needs, over TCP and a Unix socket, with kept connections."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, Any

_HEAD_BYTES = 65536
_BODY_BYTES = 128 << 20
"""48 MB of code in base64, its environment, and room."""
_PIECE_BYTES = 262144


@dataclass(frozen=True)
class Request:
    """One request; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """An answer of bytes, or of a file's content (closed after it is sent)."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    file: tuple[IO[bytes], int] | None = None


class Refused(Exception):
    """A request that can't be answered as asked; becomes ``{"error": ...}``."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Abandon(Exception):
    """Close the connection without an answer, as a runtime that died would."""


Handler = Callable[[Request], Awaitable[Response]]


def json_response(
    status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """An answer of one JSON object."""
    return Response(status, json.dumps(content, ensure_ascii=False).encode(), headers or {})


class HttpServer:
    """Serves one handler on any number of listeners."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def listen_unix(self, path: str) -> None:
        """Listen on a socket file; one left by an earlier process is replaced."""
        starting = f"{path}.starting"
        with suppress(FileNotFoundError):
            os.unlink(starting)
        await asyncio.start_unix_server(self._serve, starting, limit=_PIECE_BYTES)
        # the invoker may run as another user; the directory, which is its own, is the guard
        os.chmod(starting, 0o666)
        os.rename(starting, path)  # who sees the file can connect: the socket listens by now

    async def listen_tcp(self, host: str, port: int) -> int:
        """Listen on TCP; the port (a free one for 0)."""
        server = await asyncio.start_server(self._serve, host, port, limit=_PIECE_BYTES)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            keep = True
            while keep:
                keep = await self._exchange(reader, writer)
        except (Abandon, ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side is gone, or shall find us gone
        except asyncio.CancelledError:
            pass  # the proxy ends; asyncio's stream callback would report it as an error
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection is kept."""
        try:
            request = await _read_request(reader, writer)
        except Refused as refusal:
            response = json_response(refusal.status, {"error": str(refusal)})
            await _write_response(writer, response, keep=False)
            return False
        if request is None:
            return False
        keep = request.headers.get("connection", "").lower() != "close"
        await _write_response(writer, await self._answer(request), keep)
        return keep

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._handler(request)
        except Refused as refusal:
            return json_response(refusal.status, {"error": str(refusal)})
        except Abandon:
            raise
        except Exception as error:  # noqa: BLE001  a fault of ours must not close the server
            traceback.print_exc(file=sys.stderr)
            text = f"The runtime failed: {type(error).__name__}: {error}"
            return json_response(500, {"error": text})


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    except asyncio.LimitOverrunError:
        raise Refused(431, f"The request's head has more than {_HEAD_BYTES} bytes.") from None
    method, target, headers = _parse_head(head)
    if "transfer-encoding" in headers:
        raise Refused(411, "Send a Content-Length: chunked bodies are not taken.")
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdecimal()):
        raise Refused(400, f"Content-Length {text!r} is no number.")
    if int(text) > _BODY_BYTES:
        raise Refused(413, f"The body has {text} bytes, at most {_BODY_BYTES} are taken.")
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await reader.readexactly(int(text)) if text != "0" else b""
    return Request(method, target.partition("?")[0], headers, body)


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Refused(400, "The request line is not HTTP/1.1.")
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon:
            raise Refused(400, f"Header line {line!r} has no colon.")
        headers[name.strip().lower()] = value.strip()
    if words[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return words[0], words[1], headers


async def _write_response(writer: asyncio.StreamWriter, response: Response, keep: bool) -> None:
    length = response.file[1] if response.file is not None else len(response.body)
    head = [
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {length}",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    if not keep:
        head.append("Connection: close")
    writer.write("\r\n".join([*head, "", ""]).encode("latin-1") + response.body)
    if response.file is not None:
        with response.file[0] as stream:
            while piece := stream.read(_PIECE_BYTES):
                writer.write(piece)
                await writer.drain()
    await writer.drain()
