"""Containers of the runtime image, made and spoken to as the invoker does it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker_api import Engine, request

_SOCKET_S = 60.0
_QUIET_S = 0.25
_MEMORY_BYTES = 1 << 30


@dataclass(frozen=True)
class Host:
    """What containers of one run share: the engine, the device, the peer they write to."""

    engine: Engine
    device: str
    peer: str
    binds: tuple[str, ...] = ()
    """Further mounts (the discovery cache)."""

    def uverbs(self) -> str:
        """The file by which programs reach the device."""
        for entry in Path("/sys/class/infiniband_verbs").glob("uverbs*"):
            if (entry / "ibdev").read_text().strip() == self.device:
                return f"/dev/infiniband/{entry.name}"
        raise RuntimeError(f"there is no uverbs file for {self.device}")


@dataclass(frozen=True)
class Answer:
    """One answer of the runtime."""

    status: int
    body: Any
    swift: dict[str, Any] = field(default_factory=dict)


class Runtime:
    """One container; ``start`` it, ``init`` it, ``run`` activations in it."""

    def __init__(
        self, host: Host, image: str, label: str, memory_bytes: int = _MEMORY_BYTES,
        **environment: str,
    ) -> None:  # fmt: skip
        self.name = f"swift-starts-{os.getpid()}-{label}"
        self._host = host
        self._image = image
        self._memory_bytes = memory_bytes
        self._environment = environment
        self._directory = tempfile.mkdtemp(prefix="swift-")
        self._count = 0

    def start(self) -> None:
        """Create and start the container; returns when its socket is there."""
        self._host.engine.create(self.name, self._config())
        self._host.engine.start(self.name)
        deadline = time.monotonic() + _SOCKET_S
        while not os.path.exists(self._socket):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no socket of {self.name}: {self._host.engine.logs(self.name)}")
            time.sleep(0.002)

    def init(self, code: str, slots: int = 16, peers: Sequence[str] = (), **swift: Any) -> Answer:
        """``POST /init``."""
        value = {"name": "bench", "main": "main", "binary": False, "code": code, "env": {}}
        wish = {"protocol": 1, "slots": slots, "peers": list(peers), **swift}
        return self._ask("POST", "/init", {"value": value, "swift": wish})

    def run(self, worker: str, start: str, arguments: dict[str, Any] | None = None) -> Answer:
        """``POST /run`` in a new worker (``fork``) or a known one (``warm``)."""
        return self._ask("POST", "/run", self.run_request(worker, start, arguments))

    def run_request(
        self, worker: str, start: str, arguments: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body of a ``/run``."""
        self._count += 1
        return {
            "value": {"peer": self._host.peer, **(arguments or {})},
            "activation_id": f"{worker}-{self._count}",
            "swift": {"worker": worker, "start": start, "timeout_ms": 60000},
        }

    def end(self, worker: str) -> None:
        """``DELETE /workers/{worker}``."""
        self._ask("DELETE", f"/workers/{worker}")

    def state(self) -> dict[str, Any]:
        """``GET /swift``."""
        body: dict[str, Any] = self._ask("GET", "/swift").body
        return body

    @property
    def socket(self) -> str:
        return self._socket

    def settle(self) -> None:
        """Wait until the container's processes have nothing to do, as those of an idle one."""
        pid = self._host.engine.pid(self.name)
        deadline = time.monotonic() + _SOCKET_S
        quiet_since, used = time.monotonic(), _processor_ticks(pid)
        while time.monotonic() - quiet_since < _QUIET_S:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not come to rest")
            time.sleep(0.02)
            if (now := _processor_ticks(pid)) != used:
                quiet_since, used = time.monotonic(), now

    def remove(self) -> None:
        self._host.engine.remove(self.name)
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def _socket(self) -> str:
        return f"{self._directory}/proxy.sock"

    def _ask(self, method: str, path: str, content: object = None) -> Answer:
        body = None if content is None else json.dumps(content).encode()
        status, headers, answer = request(self._socket, method, path, body)
        swift = json.loads(headers.get("x-swift") or "{}")
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {answer.decode()} {swift}")
        return Answer(status, json.loads(answer), swift)

    def _config(self) -> dict[str, Any]:
        """As the invoker's ``containers/arguments.py`` has it."""
        uverbs = self._host.uverbs()
        variables = {
            "SWIFT_SOCKET": "/run/swift/proxy.sock",
            "SWIFT_RDMA_DEVICE": self._host.device,
            **self._environment,
        }
        return {
            "Image": self._image,
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "HostConfig": {
                "Memory": self._memory_bytes,
                "MemorySwap": self._memory_bytes,
                "NetworkMode": "bridge",
                "CapDrop": ["NET_RAW", "NET_ADMIN"],
                "Ulimits": [
                    {"Name": "nofile", "Soft": 1024, "Hard": 1024},
                    {"Name": "memlock", "Soft": self._memory_bytes, "Hard": self._memory_bytes},
                ],
                "PidsLimit": 1024,
                "Binds": [f"{self._directory}:/run/swift", *self._host.binds],
                "Devices": [
                    {"PathOnHost": uverbs, "PathInContainer": uverbs, "CgroupPermissions": "rwm"}
                ],
            },
        }


@contextmanager
def started(host: Host, image: str, label: str, **options: Any) -> Iterator[Runtime]:
    """A started container, removed in the end."""
    runtime = Runtime(host, image, label, **options)
    try:
        runtime.start()
        yield runtime
    finally:
        runtime.remove()


def _processor_ticks(pid: int) -> int:
    """Processor time of a process and its descendants, in the kernel's ticks."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[11]) + int(fields[12]) + sum(_processor_ticks(int(one)) for one in children)
