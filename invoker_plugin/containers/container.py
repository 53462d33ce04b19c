"""One running Docker container."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from invoker_plugin.containers import rdma_devices, swift_logs
from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.deaths import DeathWatch
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.engine_errors import DockerFault
from invoker_plugin.containers.http_client import ContainerClient
from invoker_plugin.containers.http_connection import Address
from invoker_plugin.containers.interface import Body
from invoker_plugin.containers.log_collector import LogCollector
from invoker_plugin.containers.log_sources import JsonFile, LogSource
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.rdma_devices import RdmaDevice
from invoker_plugin.containers.socket_directories import SocketDirectories
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event
from invoker_plugin.wire import jsontext

_log = logging.getLogger(__name__)
_WORKER_NAME = re.compile(r"[a-z0-9-]{1,32}")
_CONTROL_TIMEOUT_MS = 10_000
_OOM_WAIT_S = 0.15
"""How long Docker may take to tell of a kill for memory, once something in the container died."""


@dataclass(frozen=True)
class Traits:
    """What is known of a container when it has been made, and never changes."""

    id: str
    name: str
    image: str
    protocol: int
    address: Address
    socket_directory: str | None
    create_ms: float
    start_ms: float
    device: RdmaDevice | None = None


class Container:
    """A container that was started; made by :class:`factory.ContainerFactory` only."""

    def __init__(
        self,
        traits: Traits,
        engine: Engine,
        deaths: DeathWatch,
        client: ContainerClient,
        log_source: LogSource,
        directories: SocketDirectories | None,
        removed: Callable[[], None] | None = None,
    ) -> None:
        """``removed`` is called when the container is gone: for what only it had use of."""
        self.traits = traits
        self._engine = engine
        self._deaths = deaths
        self._fate = deaths.follow(traits.id)
        self._client = client
        self._log_source = log_source
        self._logs = LogCollector(log_source, traits.id)
        self._directories = directories
        self._removed = removed
        self._paused = False
        self._logs_apart: bool | None = None
        """Whether the runtime keeps activations' logs apart; unknown before it answered."""

    @property
    def id(self) -> str:
        return self.traits.id

    @property
    def name(self) -> str:
        return self.traits.name

    @property
    def protocol(self) -> int:
        return self.traits.protocol

    @property
    def create_ms(self) -> float:
        """Time that Docker took to create and to start it."""
        return self.traits.create_ms + self.traits.start_ms

    def lost_device(self) -> bool:
        """See ``interface.AnyContainer``."""
        device = self.traits.device
        return device is not None and rdma_devices.find(device.name) != device

    @property
    def exited(self) -> bool:
        """True when Docker said that its process has ended."""
        return self._fate.exited

    @property
    def reads_log_file(self) -> bool:
        """True when Docker's log file itself is read, not its API."""
        return isinstance(self._log_source, JsonFile)

    async def init(self, body: Body, timeout_ms: int) -> HttpOutcome:
        """POST /init; see ``interface.AnyContainer``."""
        return self._noted(await self._client.init(body, timeout_ms))

    async def run(self, body: Body, timeout_ms: int) -> HttpOutcome:
        """POST /run; see ``interface.AnyContainer``."""
        return self._noted(await self._client.run(body, timeout_ms))

    async def listens(self, timeout_ms: int = 1000) -> bool:
        """A cheap probe: does its proxy accept a connection (behaviour 82)?"""
        return await self._client.listens(timeout_ms)

    async def suspend(self) -> None:
        """Close the connections, which a pause would break silently, and pause (behaviour 112)."""
        self._client.close()
        await self._engine.pause(self.id)
        self._paused = True

    async def resume(self) -> None:
        """Unpause; the next request opens a new connection."""
        await self._engine.unpause(self.id)
        self._paused = False

    async def remove(self) -> None:
        """Remove for good. What can't be undone half-way is tried as far as it goes."""
        self._client.close()
        self._deaths.forget(self.id)
        if self._paused:
            await _try_to_unpause(self._engine, self.id)
        await self._engine.remove(self.id)
        if self._removed is not None:
            self._removed()
        directory = self.traits.socket_directory
        if self._directories is not None and directory is not None:
            await self._directories.remove(directory)

    async def kill_worker(self, worker: str) -> Mapping[str, Any] | None:
        """DELETE the worker: how it ended, None when there was none. Raises SystemFault."""
        if not _WORKER_NAME.fullmatch(worker):
            raise ValueError(f"{worker!r} is no worker's name")
        answer = await self._client.call("DELETE", f"/workers/{worker}", _CONTROL_TIMEOUT_MS)
        if answer.status == 404:
            return None
        exit_ = _object(answer).get("exit")
        if answer.status != 200 or not isinstance(exit_, dict):
            raise SystemFault(f"container {self.name}: worker {worker} not killed: {_why(answer)}")
        return exit_

    async def swift_state(self) -> Mapping[str, Any]:
        """GET /swift: what the runtime says of itself and its workers. Raises SystemFault."""
        answer = await self._client.call("GET", "/swift", _CONTROL_TIMEOUT_MS)
        if answer.status != 200:
            raise SystemFault(f"container {self.name}: no state: {_why(answer)}")
        return _object(answer)

    async def collect_logs(
        self,
        activation_id: str,
        limit_bytes: int,
        expect_sentinels: bool,
        outcome: HttpOutcome | None = None,
        developer_error: bool = False,
    ) -> LogCollection:
        """The logs of an activation that ended; see ``interface.AnyContainer``.

        Where they are depends on what was asked of the runtime: it keeps apart the logs of those
        requests only that had a ``swift`` object, and answers these with an ``X-Swift`` header.
        """
        answered = outcome is not None and outcome.status is not None
        apart = bool(outcome.swift) if outcome is not None and answered else self._logs_apart
        if self.protocol and apart is not False:
            logs = await swift_logs.collect(self._client, activation_id, limit_bytes, outcome)
            if logs is not None:
                return logs
            if apart:
                return LogCollection()
        return await self._logs.collect(limit_bytes, expect_sentinels, developer_error)

    async def out_of_memory(self) -> bool:
        """See ``interface.AnyContainer``. At most a fraction of a second is spent on it."""
        deadline = time.monotonic() + _OOM_WAIT_S
        while not self._fate.out_of_memory:
            state = await self._state()
            if state.get("OOMKilled"):
                return True
            left_s = deadline - time.monotonic()
            if left_s <= 0 or (state and not state.get("Running")):
                break
            # Still running: the kill may have hit a child process, and Docker tells in a moment.
            await self._next_event(left_s)
        return self._fate.out_of_memory

    async def _next_event(self, wait_s: float) -> None:
        self._fate.changed.clear()
        try:
            await asyncio.wait_for(self._fate.changed.wait(), wait_s)
        except asyncio.TimeoutError:
            return

    async def _state(self) -> dict[str, Any]:
        try:
            facts = await self._engine.inspect(self.id)
        except DockerFault as fault:
            event(_log, logging.WARNING, "inspect_failed", container=self.id, error=str(fault))
            return {}
        state: dict[str, Any] = facts.get("State") or {}
        return state

    def _noted(self, outcome: HttpOutcome) -> HttpOutcome:
        if outcome.status is not None:
            self._logs_apart = bool(outcome.swift)
        return outcome


async def _try_to_unpause(engine: Engine, container: str) -> None:
    """Some versions of Docker hang on removing a paused container (behaviour 150)."""
    try:
        await engine.unpause(container)
    except DockerFault as fault:
        event(_log, logging.INFO, "unpause_failed", container=container, error=str(fault))


def _object(answer: HttpOutcome) -> dict[str, Any]:
    try:
        value = jsontext.decode(answer.body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _why(answer: HttpOutcome) -> str:
    return answer.reason or f"status {answer.status}: {answer.body[:200]!r}"
