"""``swift-invoker run`` as a process, with everything around it real."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.controller.conftest import REPOSITORY, Controller
from tests.polling import eventually

USER, PASSWORD = "operator", "of-the-test"
START_S = 120.0
STOP_S = 120.0
Record = dict[str, Any]


class RunningInvoker:
    """The process, its log, and its own endpoints."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, unique_name: str) -> None:
        self.process = process
        self.unique_name = unique_name
        self._log = log
        self.folder = log.parent
        self.port = 0

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log's lines of that event."""
        whole = self._log.read_text().split("\n")[:-1]
        lines = [json.loads(line) for line in whole if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def await_up(self) -> None:
        """Until it consumes."""
        up = eventually(lambda: self._alive() and self.lines("invoker-up"), "the start", START_S)
        self.port = up[0]["port"]
        eventually(lambda: self._alive() and self.lines("topic-assigned"), "its topic", START_S)

    def ask(self, method: str, path: str, login: bool = True) -> tuple[int, str]:
        """Ask one of its endpoints."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if login:
            token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def state(self) -> dict[str, Any]:
        """``GET /state``."""
        status, text = self.ask("GET", "/state")
        assert status == 200, text
        told: dict[str, Any] = json.loads(text)
        return told

    def terminate(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def log_text(self) -> str:
        """All of its log, for a failure's message."""
        return self._log.read_text()

    def _alive(self) -> bool:
        assert self.process.poll() is None, self.log_text()
        return True


@contextmanager
def running_invoker(
    folder: Path, environment: Mapping[str, str], toml: str = ""
) -> Iterator[RunningInvoker]:
    """Start one and wait until it is up; it is drained at the end where the test did not."""
    config, log = folder / "invoker.toml", folder / "invoker.log"
    config.write_text(toml)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, "-m", "invoker_plugin.cli.main", "run", "--id", "0"]
    # No neighbour's: two runs of the tests may share a Docker Engine.
    unique_name = f"test{secrets.token_hex(4)}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--unique-name", unique_name, "--config", str(config)],
            cwd=REPOSITORY,
            stderr=output,
            env={**inherited, **environment},
        )
    invoker = RunningInvoker(process, log, unique_name)
    try:
        invoker.await_up()
        yield invoker
        if process.poll() is None:
            assert invoker.terminate() == 0, invoker.log_text()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


class Caller:
    """Makes actions through a controller and invokes them."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller

    def create(
        self,
        name: str,
        code: str,
        kind: str = "python:3",
        limits: Mapping[str, int] | None = None,
        image: str | None = None,
    ) -> None:
        """Make an action."""
        execution = {"kind": kind, "code": code, **({"image": image} if image else {})}
        body: Record = {"exec": execution}
        if limits:
            body["limits"] = limits
        status, answer, _ = self.controller.ask("PUT", f"actions/{name}?overwrite=true", body)
        assert status == 200, answer

    def invoke(self, name: str, **arguments: Any) -> Record:
        """Invoke it, and wait for its record with its logs."""
        status, answer, _ = self.controller.ask("POST", f"actions/{name}", arguments)
        assert status == 202, answer
        return self.record(answer["activationId"])

    def blocking(self, name: str, **arguments: Any) -> tuple[int, Record]:
        """Invoke it, and wait for the answer that the caller gets."""
        path = f"actions/{name}?blocking=true"
        status, answer, _ = self.controller.ask("POST", path, arguments)
        return status, answer

    def begin(self, name: str, **arguments: Any) -> str:
        """Invoke it and go on; the activation's id."""
        status, answer, _ = self.controller.ask("POST", f"actions/{name}", arguments)
        assert status == 202, answer
        identity: str = answer["activationId"]
        return identity

    def record(self, activation_id: str) -> Record:
        """The stored record, once it is there."""
        path = f"activations/{activation_id}"

        def stored() -> Record | None:
            status, answer, _ = self.controller.ask("GET", path)
            return answer if status == 200 else None

        found: Record = eventually(stored, f"the record of {activation_id}")
        return found


class Deployment(Caller):
    """A controller and an invoker that it calls healthy."""

    def __init__(self, controller: Controller, invoker: RunningInvoker) -> None:
        super().__init__(controller)
        self.invoker = invoker


def annotation(record: Record, name: str) -> Any:
    """The value of one annotation of a record, ``None`` where there is none."""
    values = {one["key"]: one["value"] for one in record["annotations"]}
    return values.get(name)


def started(record: Record) -> str:
    """How the activation was started."""
    start: str = annotation(record, "swift")["start"]
    return start
