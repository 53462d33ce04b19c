"""The invoker itself, as a process that tests start, watch and kill."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.integration.containers.conftest import PLAIN, SWIFT
from tests.integration.reliability.surroundings import Document, Surroundings
from tests.polling import eventually

REPOSITORY = Path(__file__).parents[3]
SESSION_TIMEOUT_MS = 6_000
"""The least that a broker allows by default."""
MANIFEST = {
    "runtimes": {
        "python": [
            {"kind": "python:3", "default": True, "image": {"name": PLAIN}},
            {"kind": "python:3-rdma", "image": {"name": SWIFT}},
        ]
    }
}
_OPERATOR = ("operator", secrets.token_hex(16))


class InvokerProcess:
    """``swift-invoker run --id 0`` with a configuration below ``folder``.

    ``settings`` (``section.name``: value) come before those that the tests need.
    """

    def __init__(
        self,
        folder: Path,
        surroundings: Surroundings,
        prefix: str,
        sockets: Path,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.spool = folder / "records"
        self.seen = folder / "seen"
        self._surroundings = surroundings
        self._prefix = prefix
        self._sockets = sockets
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self.seen.mkdir(mode=0o777, parents=True, exist_ok=True)

    def twin(self, folder: Path, spool: Path) -> InvokerProcess:
        """Another process with this one's number, on a host of its own or (``spool``) on ours."""
        kept = {"store.spool_directory": str(spool), "kafka.journal_directory": str(spool)}
        settings = {**self._settings, **kept}
        return InvokerProcess(folder, self._surroundings, self._prefix, self._sockets, settings)

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        """Of the last start."""
        return self.folder / f"invoker-{self._starts}.log"

    @property
    def waiting_files(self) -> list[Path]:
        """The files in which records wait."""
        return sorted((self.spool / f"{self._prefix}invoker0").glob("records-*.log"))

    def start(self, wait: bool = True) -> None:
        """Start it; until it takes messages."""
        self._starts += 1
        file = self.folder / "invoker.toml"
        file.write_text(self._toml())
        file.chmod(0o600)
        argv = [sys.executable, "-m", "invoker_plugin.cli.main", "run", "--id", "0"]
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("CONFIG_whisk", "KAFKA", "DOCKER", "RUNTIMES", "PORT"))
        }
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [*argv, "--config", str(file)], cwd=REPOSITORY, stderr=output, env=environment
            )
        if wait:
            eventually(lambda: self.events("invoker-up") or self.ended, "the invoker is up", 90)
            assert not self.ended, self.log.read_text()[-3000:]

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        return self._end(signal.SIGTERM)

    def await_end(self, seconds: float = 90.0) -> int:
        """Its exit code, once it ended by itself."""
        assert self._process is not None
        return self._process.wait(seconds)

    @property
    def ended(self) -> bool:
        """Whether it is no more."""
        return self._process is None or self._process.poll() is not None

    def events(self, name: str) -> list[Document]:
        """The lines of its log with that event, since its last start."""
        wanted = f'"event": "{name}"'
        lines = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if wanted in line and line.endswith("}")]

    def state(self) -> Document:
        """What it answers to ``GET /state``."""
        port = self.events("invoker-up")[0]["port"]
        login = base64.b64encode(":".join(_OPERATOR).encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/state", headers={"Authorization": f"Basic {login}"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            found: Document = json.load(answer)
        return found

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(90)

    def _toml(self) -> str:
        store = self._surroundings.store.address
        databases = self._surroundings.databases
        python = {sys.base_prefix, "/usr", "/lib", "/lib64"}
        mounts = [f"{one}:{one}:ro" for one in sorted(python) if os.path.isdir(one)]
        manifest = self.folder / "manifest.json"
        manifest.write_text(json.dumps(MANIFEST))
        settings: dict[str, Any] = {
            "kafka.hosts": [self._surroundings.kafka.hosts],
            "kafka.topic_prefix": self._prefix,
            "kafka.session_timeout_ms": SESSION_TIMEOUT_MS,
            "kafka.heartbeat_interval_ms": 1_500,
            "kafka.journal_directory": str(self.spool),
            "store.host": store.host,
            "store.port": store.port,
            "store.username": store.user,
            "store.password": store.password,
            "store.subjects": databases.subjects,
            "store.actions": databases.whisks,
            "store.activations": databases.activations,
            "store.timeout_ms": 5_000,
            "store.flush_limit_ms": 3_000,
            "store.spool_directory": str(self.spool),
            "pool.user_memory_mb": 512,
            "invoker.drain_limit_ms": 30_000,
            "containers.docker_host": self._surroundings.engine.docker_host_url,
            "containers.socket_root": str(self._sockets),
            "containers.extra_args": {"volume": [*mounts, f"{self.seen}:/seen"]},
            "runtimes.manifest": str(manifest),
            "server.port": 0,
            "server.username": _OPERATOR[0],
            "server.password": _OPERATOR[1],
            **self._settings,
        }
        return _as_toml(settings)


def _as_toml(settings: dict[str, Any]) -> str:
    sections: dict[str, list[str]] = {}
    for path, value in settings.items():
        section, _, name = path.partition(".")
        sections.setdefault(section, []).append(f"{name} = {_value(value)}")
    return "".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items())
        return f"{{{inner}}}"
    return json.dumps(value)


def resident_bytes(pid: int) -> int:
    """Memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024
