"""What the container does for its invoker: the verbs of docs/runtime-protocol.md."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from swift_runtime import PROTOCOL, process
from swift_runtime.exits import TEXTS, WorkerExit
from swift_runtime.fleet import Conflict, Fleet, possible_slots
from swift_runtime.handle import ForkFailed, Outcome, Reply, WorkerHandle
from swift_runtime.http_server import Abandon, Refused, Response, json_response
from swift_runtime.logs import ActivationLog, LogBook
from swift_runtime.memory_watch import MemoryWatch
from swift_runtime.output import ContainerOutput
from swift_runtime.requests import (
    InitOptions,
    RunOptions,
    activation_id,
    parse_init,
    parse_object,
    parse_run,
)
from swift_runtime.zygote import TemplateFailed, Zygote

_STOCK_WORKER = "stock"
_BACKSTOP_SECONDS = 10.0
"""A worker is killed this long after its time limit, should the invoker never do it."""


class Container:
    """The state of one container: its action once loaded, its workers, its logs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, zygote: Zygote, fleet: Fleet) -> None:
        self._loop = loop
        self._zygote = zygote
        self._fleet = fleet
        self._logs = LogBook()
        self._options = InitOptions()
        self._watch: asyncio.Task[Any] | None = None
        self._stock_turn = asyncio.Lock()

    async def initialise(self, body: bytes) -> Response:
        """``POST /init``."""
        if self._zygote.state not in ("empty", "failed"):
            raise Refused(403, "Cannot initialize the action more than once.")
        value, options = parse_init(parse_object(body))
        if self._zygote.state == "failed":
            raise Refused(502, self._zygote.failure or TEXTS["template"])
        self._options = options
        log, identifier = self._begin_init(value)
        status, answer = 200, dict[str, Any]()
        try:
            slots = possible_slots(options.slots)
            await self._zygote.initialise(body, slots, options.rdma, options.peers)
            answer = {"ok": True, **self._initialised()}
        except TemplateFailed as failure:
            status, answer = 502, {"error": str(failure)}
        finally:
            self._zygote.output.end()
            if log is not None:
                self._logs.finish(identifier)
        if log is None:
            if status != 200:
                ContainerOutput().end_activation()
            return json_response(status, answer)
        return json_response(status, answer, _header(_log_fields(log)))

    def _begin_init(self, value: Mapping[str, Any]) -> tuple[ActivationLog | None, str]:
        identifier = str((value.get("env") or {}).get("__OW_ACTIVATION_ID") or "init")
        if not self._options.managed:
            return None, identifier
        log = self._logs.open(identifier, self._options.log_limit_bytes)
        self._zygote.output.begin(log)
        return log, identifier

    def _initialised(self) -> dict[str, Any]:
        slots = self._fleet.open_slots(self._options.slots)
        self._fleet.spares.wanted = min(self._options.spares, slots)
        self._fleet.spares.later()
        if self._options.worker_memory_mb is not None:
            watch = MemoryWatch(self._fleet, self._options.worker_memory_mb)
            self._watch = self._loop.create_task(watch.watch())
        if not self._options.managed:
            return {}
        if self._zygote.rdma_place is not None:
            # to the container's own log: it is nothing that the action said
            print(f"swift: RDMA: {self._zygote.rdma_place}", file=sys.stderr, flush=True)
        return {
            "swift": {
                "protocol": PROTOCOL,
                "forkable": self._zygote.forkable,
                "reason": self._zygote.reason,
                "slots": slots,
                "spares": self._fleet.spares.wanted,
                "template_ms": self._zygote.template_ms,
                "rdma": self._zygote.rdma,
                "rdma_reason": self._zygote.rdma_reason,
            }
        }

    async def run(self, body: bytes) -> Response:
        """``POST /run``."""
        content = parse_object(body)
        options = parse_run(content, self._options.log_limit_bytes)
        if self._zygote.state == "failed":
            return self._template_failed()
        if self._zygote.state != "ready":
            raise Refused(500, "The action is not initialized yet: send /init first.")
        if options is None:
            return await self._run_stock(body, content.get("activation_id"))
        identifier = activation_id(content)
        if self._logs.is_open(identifier):
            raise Refused(400, f"Activation {identifier} is running already.")
        try:
            worker = self._worker_for(options)
        except Conflict as conflict:
            return json_response(409, {"error": str(conflict), "code": conflict.code})
        return await self._run_managed(worker, body, identifier, options)

    def _template_failed(self) -> Response:
        """Nothing can run here any more, and nothing of this request did."""
        text = self._zygote.failure or TEXTS["template"]
        header = _header({"exit": WorkerExit("template").to_json()})
        return json_response(502, {"error": text, "code": "template-failed"}, header)

    def _worker_for(self, options: RunOptions) -> WorkerHandle:
        if options.start == "fork":
            return self._fleet.fork(options.worker)
        return self._fleet.idle(options.worker)

    async def _run_managed(
        self, worker: WorkerHandle, body: bytes, identifier: str, options: RunOptions
    ) -> Response:
        log = self._logs.open(identifier, options.log_limit_bytes)
        backstop = None
        if options.timeout_ms is not None:
            delay = options.timeout_ms / 1000 + _BACKSTOP_SECONDS
            backstop = self._loop.call_later(delay, self._end_late, worker.name)
        self._fleet.busy.set()
        try:
            outcome = await worker.run(body, identifier, log)
            if _never_began(worker, outcome) and self._zygote.state == "ready":
                worker = self._fleet.fork_instead(worker)
                outcome = await worker.run(body, identifier, log)
        except Conflict as conflict:
            return json_response(409, {"error": str(conflict), "code": conflict.code})
        finally:
            self._logs.finish(identifier)
            if backstop is not None:
                backstop.cancel()
        status, answer, fields = _answer(worker, outcome)
        header = {"worker": worker.name, "slot": worker.slot, **fields, **_log_fields(log)}
        return Response(status, answer, _header(header))

    def _end_late(self, name: str) -> None:
        if (worker := self._fleet.get(name)) is not None:
            self._fleet.order_kill(worker, "killed")

    async def _run_stock(self, body: bytes, identifier: Any) -> Response:
        """One worker, used again and again; its death closes the connection (stock contract)."""
        async with self._stock_turn:
            worker = self._fleet.get(_STOCK_WORKER) or self._fleet.fork(_STOCK_WORKER)
            self._fleet.busy.set()
            container_output = ContainerOutput()
            # An /init with `swift` may be followed by runs without it, where forks turned out to
            # be impossible: what the import printed then belongs with the rest.
            log = self._logs.take(identifier) if isinstance(identifier, str) else None
            if log is not None:
                log.replay(container_output)
            outcome = await worker.run(body, None, container_output)
            container_output.end_activation()
        if isinstance(outcome, WorkerExit):
            raise Abandon
        status, answer, _ = _answer(worker, outcome)
        return Response(status, answer)

    async def kill_worker(self, name: str) -> Response:
        """``DELETE /workers/{name}``."""
        worker = self._fleet.get(name)
        if worker is None:
            raise Refused(404, f"There is no worker {name}.")
        ending = await self._fleet.kill(worker, "killed")
        if isinstance(ending, ForkFailed):
            raise Refused(404, f"Worker {name} could not be forked: {ending.error}")
        return json_response(200, {"worker": name, "exit": ending.to_json()})

    async def describe(self) -> Response:
        """``GET /swift``."""
        zygote = self._zygote
        return json_response(
            200,
            {
                "protocol": PROTOCOL,
                "state": zygote.state,
                "forkable": zygote.forkable,
                "reason": zygote.failure or zygote.reason,
                "slots": self._fleet.slots.count,
                "workers": [_describe_worker(worker) for worker in self._fleet.workers()],
                "spares": [_describe_spare(worker) for worker in self._fleet.spares.handles()],
            },
        )

    async def fetch_logs(self, identifier: str) -> Response:
        """``GET /activations/{identifier}/logs``."""
        if self._logs.is_open(identifier):
            raise Refused(409, f"Activation {identifier} is still running.")
        log = self._logs.take(identifier)
        if log is None:
            raise Refused(404, f"There are no logs of activation {identifier}.")
        headers = {"X-Swift-Log-Truncated": "true"} if log.truncated else {}
        return Response(200, b"", headers, "application/x-ndjson", log.content())


def _never_began(worker: WorkerHandle, outcome: Outcome) -> bool:
    """Whether a spare died, not by our doing, before the activation it was given had begun."""
    died = isinstance(outcome, WorkerExit) and worker.ordered is None
    return died and not worker.accepted


def _answer(worker: WorkerHandle, outcome: Outcome) -> tuple[int, bytes, dict[str, Any]]:
    """HTTP status, body, and what X-Swift says of how it went."""
    if isinstance(outcome, Reply):
        header = outcome.header
        spare = worker.ahead
        fields = {
            "fork_ms": worker.fork_ms(header["started_ns"]),
            "spare": spare,
            "rdma_ms": header["rdma_ms"],
            "run_ms": header["run_ms"],
            "rdma": header["rdma"],
            "rdma_reason": header["rdma_reason"],
            "phases": header["phases"],
            "exit": None,
        }
        return header["status"], outcome.body, fields
    nothing: dict[str, Any] = {
        "fork_ms": None,
        "spare": worker.ahead,
        "rdma_ms": None,
        "run_ms": None,
        "rdma": None,
        "rdma_reason": None,
        "phases": {},
    }
    if isinstance(outcome, ForkFailed):
        error = json.dumps({"error": f"The worker could not be forked: {outcome.error}"})
        return 502, error.encode(), {**nothing, "exit": None}
    body = json.dumps({"error": outcome.text}).encode()
    return 502, body, {**nothing, "exit": outcome.to_json()}


def _describe_spare(worker: WorkerHandle) -> dict[str, Any]:
    described = _describe_worker(worker)
    return {name: described[name] for name in ("slot", "pid", "private_kb")}


def _describe_worker(worker: WorkerHandle) -> dict[str, Any]:
    return {
        "worker": worker.name,
        "slot": worker.slot,
        "state": worker.state,
        "activation": worker.activation,
        "pid": worker.pid,
        "private_kb": process.private_kb(worker.pid) if worker.pid is not None else None,
    }


def _log_fields(log: ActivationLog) -> dict[str, Any]:
    return {"log_lines": log.lines, "log_bytes": log.bytes, "log_truncated": log.truncated}


def _header(fields: Mapping[str, Any]) -> dict[str, str]:
    return {"X-Swift": json.dumps(fields)}
