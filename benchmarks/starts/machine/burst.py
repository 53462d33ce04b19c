"""Many ``/run`` requests at once from one thread: the client must not be what is measured."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Sequence
from typing import Any

from runtime import Answer, Runtime

_TIMEOUT_S = 120.0


class _Exchange:
    """One request under way, on a connection that was made before."""

    def __init__(self, path: str, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        head = f"POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        self.request = head.encode() + data
        self.received = b""
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.settimeout(_TIMEOUT_S)
        self.stream.connect(path)

    def answer(self) -> Answer | None:
        """The answer when all of it was received."""
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return None
        lines = head.decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:])
        }
        if len(body) < int(headers["content-length"]):
            return None
        status = int(lines[0].split()[1])
        return Answer(status, json.loads(body), json.loads(headers["x-swift"]))


def fork_all(runtime: Runtime, workers: Sequence[str]) -> tuple[int, list[Answer]]:
    """A new worker for each name at once; when that was asked (ns), and the answers in order."""
    exchanges = [_Exchange(runtime.socket, runtime.run_request(name, "fork")) for name in workers]
    answers: dict[int, Answer] = {}
    with selectors.DefaultSelector() as selector:
        begin_ns = time.monotonic_ns()
        for number, exchange in enumerate(exchanges):
            exchange.stream.sendall(exchange.request)
            selector.register(exchange.stream, selectors.EVENT_READ, number)
        while len(answers) < len(exchanges):
            ready = selector.select(_TIMEOUT_S)
            if not ready:
                raise RuntimeError(f"{len(exchanges) - len(answers)} forks have not answered")
            for key, _ in ready:
                exchange = exchanges[key.data]
                exchange.received += exchange.stream.recv(65536)
                if (answer := exchange.answer()) is not None:
                    selector.unregister(exchange.stream)
                    exchange.stream.close()
                    answers[key.data] = answer
    for answer in answers.values():
        if answer.status != 200:
            raise RuntimeError(f"a fork failed: {answer}")
    return begin_ns, [answers[number] for number in range(len(exchanges))]
