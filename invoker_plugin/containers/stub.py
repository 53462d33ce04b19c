"""In-memory containers with scripted answers: the flow's unit tests run whole on these.

A :class:`StubFactory` hands every request to its ``answer`` function. The default one initialises
anything, echoes the value of a /run, and plays a Swift runtime when ``protocol`` is 1.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.interface import Body
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.specification import ContainerSpecification
from invoker_plugin.errors import SystemFault

Answer = Callable[["StubContainer", str, dict[str, Any]], "HttpOutcome | Awaitable[HttpOutcome]"]
"""Called with the container, the path (``/init`` or ``/run``) and the body that was sent."""


def answered(status: int, body: Any, swift: Mapping[str, Any] | None = None) -> HttpOutcome:
    """An answer of ``status`` with ``body`` as JSON (bytes are taken as they are)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    now_ms = int(time.time() * 1000)
    return HttpOutcome(now_ms, now_ms, status, data, len(data), swift=swift or {})


def echo(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    """The default answer: ready at /init, the value back at /run."""
    asked = body.get("swift")
    if path == "/init":
        reply: dict[str, Any] = {"ok": True}
        if container.protocol and asked:
            slots = int(asked.get("slots", 1))
            reply["swift"] = {"protocol": 1, "forkable": True, "reason": None, "slots": slots}
        return answered(200, reply)
    if not (container.protocol and asked):
        return answered(200, body.get("value"))
    fork_ms = 1.0 if asked.get("start") == "fork" else None
    header = {"worker": asked["worker"], "slot": 0, "fork_ms": fork_ms, "log_lines": 0}
    return answered(200, body.get("value"), {**header, "run_ms": 0.1, "exit": None})


class StubContainer:
    """A container that exists only here. Public attributes are for tests to read and set."""

    def __init__(self, identity: str, specification: ContainerSpecification, protocol: int) -> None:
        self.id = identity
        self.name = specification.name
        self.specification = specification
        self.protocol = protocol
        self.create_ms = 1.0
        self.answer: Answer = echo
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.logs: dict[str, LogCollection] = {}
        self.suspended = False
        self.removed = False
        self.killed_by_kernel = False
        self.device_is_lost = False
        self.killed_workers: list[str] = []
        self.fails: set[str] = set()

    def lost_device(self) -> bool:
        return self.device_is_lost

    async def init(self, body: Body, timeout_ms: int) -> HttpOutcome:
        return await self._request("/init", body)

    async def run(self, body: Body, timeout_ms: int) -> HttpOutcome:
        return await self._request("/run", body)

    async def _request(self, path: str, body: Body) -> HttpOutcome:
        sent: dict[str, Any] = json.loads(body) if isinstance(body, bytes) else dict(body)
        self.requests.append((path, sent))
        outcome = self.answer(self, path, sent)
        return outcome if isinstance(outcome, HttpOutcome) else await outcome

    async def listens(self, timeout_ms: int = 1000) -> bool:
        return "listens" not in self.fails

    async def suspend(self) -> None:
        self._may_fail("suspend")
        self.suspended = True

    async def resume(self) -> None:
        self._may_fail("resume")
        self.suspended = False

    async def remove(self) -> None:
        self._may_fail("remove")
        self.removed = True

    async def kill_worker(self, worker: str) -> Mapping[str, Any] | None:
        self._may_fail("kill_worker")
        self.killed_workers.append(worker)
        return {"reason": "killed", "code": None, "signal": 9}

    async def collect_logs(
        self,
        activation_id: str,
        limit_bytes: int,
        expect_sentinels: bool,
        outcome: HttpOutcome | None = None,
        developer_error: bool = False,
    ) -> LogCollection:
        return self.logs.get(activation_id, LogCollection())

    async def out_of_memory(self) -> bool:
        return self.killed_by_kernel

    def _may_fail(self, call: str) -> None:
        """Fail where the test put the call's name into ``fails``."""
        if call in self.fails:
            raise SystemFault(f"stub container {self.name}: {call} fails as the test asked")


class StubFactory:
    """Makes stub containers; ``created`` keeps them all, ``failures`` are raised one a create."""

    def __init__(self, answer: Answer = echo, protocol: int = 0) -> None:
        self.answer = answer
        self.protocol = protocol
        self.created: list[StubContainer] = []
        self.failures: list[Exception] = []
        self.gate: asyncio.Event | None = None
        self.is_healthy = True
        self.is_closed = False
        self._listeners: list[Callable[[str], None]] = []

    async def start(self) -> None:
        """Nothing to check."""

    async def create(self, specification: ContainerSpecification) -> StubContainer:
        """Make a container, once ``gate`` (where there is one) is open."""
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        identity = f"{len(self.created) + 1:064x}"
        container = StubContainer(identity, specification, self.protocol)
        container.answer = self.answer
        self.created.append(container)
        return container

    async def clean_up(self) -> int:
        """Remove what is left."""
        left = [container for container in self.created if not container.removed]
        for container in left:
            container.removed = True
        return len(left)

    async def healthy(self) -> bool:
        return self.is_healthy

    async def close(self) -> None:
        self.is_closed = True

    def on_exit(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    def exit(self, container: StubContainer) -> None:
        """Let ``container`` die, as its process would."""
        for listener in self._listeners:
            listener(container.id)

    @property
    def living(self) -> list[StubContainer]:
        """The containers that were made and not removed yet."""
        return [container for container in self.created if not container.removed]
