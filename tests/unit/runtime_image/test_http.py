"""The HTTP server against requests that are not as they should be, and kept connections."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.unit.runtime_image.harness import Runtime, runtime


@pytest.fixture(scope="module")
def empty() -> Iterator[Runtime]:
    """One runtime for all bad requests: none may harm it."""
    with runtime() as swift:
        yield swift


@pytest.fixture(scope="module")
def initialised() -> Iterator[Runtime]:
    """One with an action."""
    with runtime() as swift:
        swift.init("def main(args): return {}")
        yield swift


def _raw(swift: Runtime, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(10)
        stream.connect(swift.path)
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: stream.recv(65536), b""))


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /swift HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST /run HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST /run HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /run HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST /run HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"GET /" + b"x" * 400_000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET /nothing HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /run HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /init HTTP/1.1\r\nContent-Length: 1\r\n\r\n{", b"400"),
        (b"POST /init HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]", b"400"),
    ],
)
def test_bad_requests_get_a_clear_answer(
    empty: Runtime, request_bytes: bytes, status: bytes
) -> None:
    swift = empty
    answer = _raw(swift, request_bytes)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert "error" in json.loads(answer.partition(b"\r\n\r\n")[2])
    assert swift.state()["state"] == "empty"


def test_a_request_that_ends_early_closes_only_its_connection(swift: Runtime) -> None:
    assert _raw(swift, b"POST /run HTTP/1.1\r\nContent-Length: 100\r\n\r\n{") == b""
    assert _raw(swift, b"POST /r") == b""
    assert swift.state()["state"] == "empty"


def test_a_connection_is_kept(swift: Runtime) -> None:
    connection = swift.connection()
    for _ in range(3):
        connection.request("GET", "/swift")
        assert json.loads(connection.getresponse().read())["state"] == "empty"
    connection.close()


def test_expect_continue_is_answered(swift: Runtime) -> None:
    """curl waits a second for it before it sends a large body."""
    head = b"POST /init HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    assert _raw(swift, head + b"{}").startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403")


@pytest.mark.parametrize(
    "options",
    [
        {"worker": "UPPER"},
        {"worker": "x" * 33},
        {"worker": "../x"},
        {"worker": 5},
        {"start": "cold"},
        {"timeout_ms": "soon"},
        {"log_limit_bytes": -1},
    ],
)
def test_bad_options_of_a_run(initialised: Runtime, options: dict[str, object]) -> None:
    swift = initialised
    body = swift.run_body("w1", {}, "fork")
    body["swift"].update(options)
    answer = swift.request("POST", "/run", body)
    assert answer.status == 400
    assert swift.workers() == {}


@pytest.mark.parametrize("options", [{"protocol": 2}, {"slots": 0}, {"worker_memory_mb": True}])
def test_bad_options_of_an_init_leave_it_possible(
    swift: Runtime, options: dict[str, object]
) -> None:
    assert swift.init("def main(args): return {}", **options).status == 400
    assert swift.init("def main(args): return {}").status == 200


def test_a_run_without_an_activation_id(initialised: Runtime) -> None:
    swift = initialised
    body = swift.run_body("w1", {}, "fork")
    del body["activation_id"]
    assert swift.request("POST", "/run", body).status == 400
