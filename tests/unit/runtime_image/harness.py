"""Runs the real runtime (proxy, template, workers) as processes of this host, without Docker."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = Path(__file__).resolve().parents[3] / "runtime_image"
DEADLINE_SECONDS = 20.0
Json = Any


def until(condition: Callable[[], Any], what: str) -> Any:
    """Poll until ``condition`` gives something true; fail after a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {DEADLINE_SECONDS} s for {what}")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=DEADLINE_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE_SECONDS)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Json:
        return json.loads(self.body)

    @property
    def swift(self) -> Json:
        """The X-Swift header; None when there is none."""
        text = self.headers.get("X-Swift")
        return None if text is None else json.loads(text)


class Client:
    """Speaks to a runtime as an invoker does, over its Unix socket."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._activations = 0

    def request(self, method: str, path: str, content: Json = None) -> Answer:
        """One request on a connection of its own; raises as http.client does."""
        connection = _UnixConnection(self.path)
        try:
            body = content if isinstance(content, bytes) else _dump(content)
            connection.request(method, path, body)
            response = connection.getresponse()
            data = response.read()
            return Answer(response.status, data, dict(response.getheaders()))
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        """A connection to keep."""
        return _UnixConnection(self.path)

    def init(self, code: str, *, main: str = "main", binary: bool = False, **swift: Json) -> Answer:
        """``/init`` as our invoker sends it; keywords are options of ``swift``."""
        env = swift.pop("env", {"__OW_ACTIVATION_ID": "init-activation"})
        options = {"protocol": 1, "slots": 4, **swift}
        text = code if binary else textwrap.dedent(code)
        value = {"name": "test", "main": main, "binary": binary, "code": text, "env": env}
        return self.request("POST", "/init", {"value": value, "swift": options})

    def stock_init(self, code: str, main: str = "main") -> Answer:
        """``/init`` as a stock invoker sends it."""
        value = {"name": "test", "main": main, "binary": False, "code": textwrap.dedent(code)}
        return self.request("POST", "/init", {"value": {**value, "env": {}}})

    def run(
        self, worker: str, value: Json = None, *, start: str = "fork", id: str | None = None,
        **swift: Json,
    ) -> Answer:  # fmt: skip
        """``/run`` as our invoker sends it."""
        return self.request("POST", "/run", self.run_body(worker, value, start, id, **swift))

    def run_body(
        self, worker: str, value: Json, start: str, id: str | None = None, **swift: Json
    ) -> Json:
        self._activations += 1
        return {
            "value": {} if value is None else value,
            "activation_id": id or f"activation{self._activations}",
            "action_name": "/guest/test",
            "namespace": "guest",
            "swift": {"worker": worker, "start": start, "timeout_ms": 60000, **swift},
        }

    def logs(self, activation: str) -> list[Json]:
        """The lines of an activation's logs, fetched (and so forgotten)."""
        answer = self.request("GET", f"/activations/{activation}/logs")
        assert answer.status == 200, answer
        return [json.loads(line) for line in answer.body.splitlines()]

    def state(self) -> Json:
        """``GET /swift``."""
        return self.request("GET", "/swift").json()

    def workers(self) -> dict[str, Json]:
        """The living workers by name."""
        return {worker["worker"]: worker for worker in self.state()["workers"]}


class Runtime(Client):
    """A runtime that runs as processes of this host."""

    def __init__(self, process: subprocess.Popen[bytes], path: str, output: Path) -> None:
        super().__init__(path)
        self.process = process
        self._output = output

    def output(self) -> str:
        """What the container itself has written so far, stdout and stderr."""
        return self._output.read_text()


def _dump(content: Json) -> bytes | None:
    return None if content is None else json.dumps(content).encode()


PYTHON = os.environ.get("SWIFT_TEST_PYTHON", sys.executable)
"""What runs the runtime: set it to try another version of Python."""


@contextmanager
def runtime(**environment: str) -> Iterator[Runtime]:
    """Start the runtime on a socket in a fresh directory, and stop it."""
    with tempfile.TemporaryDirectory(prefix="swift-test-") as directory:
        path, output = os.path.join(directory, "proxy.sock"), Path(directory, "output")
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        variables = {
            **kept, "PYTHONPATH": str(PACKAGES), "SWIFT_SOCKET": path, "SWIFT_PORT": "0",
            "TMPDIR": directory, **environment,
        }  # fmt: skip
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [PYTHON, "-S", "-m", "swift_runtime"], env=variables, stdout=stream, stderr=stream
            )
        try:
            until(lambda: os.path.exists(path) or process.poll() is not None, "the socket")
            yield Runtime(process, path, output)
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def zipped(files: Mapping[str, str]) -> str:
    """A base64 zip of text files, as the code of a binary action."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return base64.b64encode(buffer.getvalue()).decode()
