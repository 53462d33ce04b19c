"""The client of the REST API, against a server of a few canned answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from devstack.client import Client
from devstack.errors import DevstackError

Answers = dict[tuple[str, str], list[tuple[int, Any]]]


class _Handler(BaseHTTPRequestHandler):
    answers: Answers
    seen: list[tuple[str, str, Any, str | None]]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.removeprefix("/api/v1/namespaces/_")
        sent = json.loads(body) if body else None
        self.seen.append((self.command, path, sent, self.headers["Authorization"]))
        queue = self.answers[self.command, path]
        status, answer = queue.pop(0) if len(queue) > 1 else queue[0]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_GET = do_PUT = do_POST = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[tuple[Client, type[_Handler]]]:
    handler = type("Handler", (_Handler,), {"answers": {}, "seen": []})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield Client(f"http://127.0.0.1:{http.server_port}", "u:k", timeout_s=10), handler
    http.shutdown()
    thread.join()
    http.server_close()


Server = tuple[Client, type[_Handler]]
INVOKE = ("POST", "/actions/a?blocking=true")


def test_puts_an_action(server: Server) -> None:
    client, handler = server
    handler.answers["PUT", "/actions/a?overwrite=true"] = [(200, {})]
    client.put_action("a", "python:3", "code", limits={"memory": 128}, annotations={"x": 1})
    (_, _, sent, authorization) = handler.seen[0]
    assert sent == {
        "exec": {"kind": "python:3", "code": "code"},
        "limits": {"memory": 128},
        "annotations": [{"key": "x", "value": 1}],
    }
    assert authorization == "Basic dTpr"


def test_a_blocking_answer_is_the_result(server: Server) -> None:
    client, handler = server
    handler.answers[INVOKE] = [
        (200, {"activationId": "i", "response": {"success": True, "result": {"x": 1}}})
    ]
    done = client.invoke("a", {"y": 2})
    assert (done.activation_id, done.success, done.result) == ("i", True, {"x": 1})
    assert handler.seen[0][2] == {"y": 2}


def test_a_failed_activation_is_an_answer_too(server: Server) -> None:
    client, handler = server
    answer = {"activationId": "i", "response": {"success": False, "result": {"error": "x"}}}
    handler.answers[INVOKE] = [(502, answer)]
    assert client.invoke("a", {}).success is False


def test_an_activation_that_outlasts_the_request_is_waited_for(server: Server) -> None:
    client, handler = server
    handler.answers[INVOKE] = [(202, {"activationId": "i"})]
    record = {"activationId": "i", "response": {"status": "success", "result": {}}}
    handler.answers["GET", "/activations/i"] = [(404, {"error": "none"}), (200, record)]
    assert client.invoke("a", {}).success is True


def test_a_refusal_is_one_line(server: Server) -> None:
    client, handler = server
    handler.answers[INVOKE] = [(401, {"error": "who?"})]
    with pytest.raises(DevstackError, match=r"POST /actions/a\S+: .* answered 401 .*who\?"):
        client.invoke("a", {})


def test_no_controller_is_one_line() -> None:
    with pytest.raises(DevstackError, match="no controller"):
        Client("http://127.0.0.1:9", "u:k").invoke("a", {})
