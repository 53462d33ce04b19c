"""The adapter on the couchdb package, against a small server of the test's own."""

from __future__ import annotations

import dataclasses
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.errors import ConfigurationError
from invoker_plugin.store.couch import CouchStore, DocumentMissing, RevisionConflict, StoreFault
from tests.certificates import make


class _Server(BaseHTTPRequestHandler):
    """Answers as it was told for each path, and notes the requests."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[dict[str, tuple[int, bytes, str]]] = {}
    requests: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        _Server.requests.append((self.command, self.path, headers))
        status, body, kind = self.answers.get(self.path, (404, b'{"error":"not_found"}', _JSON))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("ETag", '"1-a"')
        if status == 599:
            self.close_connection = True
        if status == 401:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


_JSON = "application/json"


@contextmanager
def _serving(context: ssl.SSLContext | None = None, **settings: Any) -> Iterator[StoreSettings]:
    _Server.answers.clear()
    _Server.requests.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield StoreSettings(
            protocol="https" if context else "http",
            host="127.0.0.1",
            port=server.server_address[1],
            username="who",
            password="secret",
            **settings,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(path: str, status: int, value: Any, kind: str = _JSON) -> None:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    _Server.answers[path] = (status, body, kind)


async def test_read_is_as_the_stock_invokers() -> None:
    with _serving() as settings:
        _answer("/w/guest%2Fecho", 200, {"_id": "guest/echo"})
        store = CouchStore(settings)
        assert await store.get("w", "guest/echo", "1-a") == {"_id": "guest/echo"}
        # Read again: the package's own cache must not answer in the store's place.
        _answer("/w/guest%2Fecho", 200, {"_id": "guest/echo", "n": 2})
        assert await store.get("w", "guest/echo", "1-a") == {"_id": "guest/echo", "n": 2}
        await store.close()
    _, _, headers = _Server.requests[0]
    assert headers["if-match"] == '"1-a"'
    assert headers["authorization"].startswith("Basic ")
    assert "if-none-match" not in _Server.requests[1][2]


async def test_large_attachment_comes_whole() -> None:
    data = bytes(range(256)) * 1_000
    with _serving() as settings:
        _answer("/w/guest%2Fecho/1-2", 200, data, "application/octet-stream")
        store = CouchStore(settings)
        assert await store.attachment("w", "guest/echo", "1-2", "2-b") == data
        await store.close()


@pytest.mark.parametrize(
    ("status", "body", "kind", "fault", "text"),
    [
        (404, {"error": "not_found"}, _JSON, DocumentMissing, "not_found"),
        (409, {"error": "conflict"}, _JSON, RevisionConflict, "conflict"),
        (412, {"error": "precondition"}, _JSON, RevisionConflict, "precondition"),
        (401, {"error": "x" * 20_000}, _JSON, StoreFault, "refuses our user or password"),
        (403, {"error": "forbidden"}, _JSON, StoreFault, "forbidden"),
        (500, {"error": "oops"}, _JSON, StoreFault, "answered 500"),
        (503, b"<html>" + b"x" * 20_000, "text/html", StoreFault, "answered 503"),
        (200, b"no json", _JSON, StoreFault, "is not JSON"),
        (200, [1], _JSON, StoreFault, "did not answer with a document"),
    ],
)
async def test_failure_is_told_by_its_kind(
    status: int, body: Any, kind: str, fault: type[StoreFault], text: str
) -> None:
    with _serving() as settings:
        _answer("/w/guest%2Fecho", status, body, kind)
        store = CouchStore(settings)
        with pytest.raises(fault, match=text):
            await store.get("w", "guest/echo")
        await store.close()


async def test_refused_write_is_told_apart_from_an_absent_store() -> None:
    with _serving() as settings:
        store = CouchStore(settings)
        _answer("/a/_bulk_docs", 413, {"error": "too_large"})
        with pytest.raises(StoreFault) as raised:
            await store.write("a", [b'{"_id":"1"}'])
        assert raised.value.refused
        _answer("/a/_bulk_docs", 201, [{"ok": True, "id": "1"}])
        assert await store.write("a", [b'{"_id":"1"}']) == [{"ok": True, "id": "1"}]
        absent = CouchStore(dataclasses.replace(settings, port=1))
    with pytest.raises(StoreFault, match="cannot be reached") as raised:
        await absent.write("a", [b'{"_id":"1"}'])
    assert not raised.value.refused
    await absent.close()
    await store.close()
    with pytest.raises(StoreFault):
        await store.get("a", "1")


async def test_certificate_is_checked_against_the_operators_authority(tmp_path: Path) -> None:
    authority = make("authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make("couch", authority).write_pem(tmp_path / "couch.pem"))
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(authority.certificate_pem())
    with _serving(context, ca_certificates=str(trusted)) as settings:
        _answer("/w/guest%2Fecho", 200, {"_id": "guest/echo"})
        store = CouchStore(settings)
        for _ in range(2):
            assert await store.get("w", "guest/echo") == {"_id": "guest/echo"}
        await store.close()
    with _serving(context) as settings:
        _answer("/w/guest%2Fecho", 200, {"_id": "guest/echo"})
        store = CouchStore(settings)
        with pytest.raises(StoreFault, match="CERTIFICATE_VERIFY_FAILED"):
            await store.get("w", "guest/echo")
        await store.close()


def test_file_without_certificates_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="holds no certificates"):
        CouchStore(StoreSettings(protocol="https", host="x", ca_certificates=str(path)))
