"""One activation on its way through the invoker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from invoker_plugin.pool.job import Job
from invoker_plugin.wire.action import Action
from invoker_plugin.wire.activation import ActivationMessage
from invoker_plugin.wire.jsontext import Json


@dataclass(slots=True)
class Activation:
    """A message whose action is resolved, and what the pool was told of it."""

    message: ActivationMessage
    action: Action
    job: Job
    environment: Mapping[str, Any]
    """Parameters that go to the environment at ``/init`` (behaviour 105)."""
    arguments: Json
    """What ``/run`` is given."""
    image: str
    spares: int = 0
    """Workers that its template is to fork ahead (``swift-spares``)."""
    arrived_ns: int = field(default_factory=time.monotonic_ns)

    @property
    def managed(self) -> bool:
        """The image is a runtime of the deployment, not the user's own."""
        return not self.action.execution.blackbox

    @property
    def log_limit_bytes(self) -> int:
        """What its logs may hold; 0 means that none are collected."""
        return self.action.limits.logs_mb * 1024 * 1024

    @property
    def ids(self) -> dict[str, str]:
        """The fields that every log line about it carries."""
        transid = self.message.transid
        ids = {"activation": self.message.activation_id, "transid": transid.id}
        if transid.parent is not None:
            ids["parent_transid"] = transid.parent.id
        return ids


@dataclass(frozen=True, slots=True)
class Interval:
    """Wall time in ms from a request to its answer."""

    start_ms: int
    end_ms: int

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(slots=True)
class StartReport:
    """How an activation was started and what each phase took: its record's ``swift`` annotation.

    Durations are ms; ``None`` where a phase did not happen. ``queue_ms`` is the time in this
    invoker before its own start began: behind others, or for a template that was starting.
    """

    start: str
    reason: str
    container_ms: float | None = None
    init_ms: float | None = None
    fork_ms: float | None = None
    spare: bool = False
    """It was forked ahead: ``fork_ms`` is the time to wake it."""
    rdma_ms: float | None = None
    run_ms: float | None = None
    queue_ms: float = 0.0
    worker: str | None = None
    slot: int | None = None
    rdma: str | None = None
    """The rung of RDMA sharing that was used (``docs/runtime-protocol.md``)."""
    rdma_reason: str | None = None
    """Why it was no better rung, in the runtime's words."""
    phases: Mapping[str, float] | None = None

    def take(self, header: Mapping[str, Any]) -> None:
        """Add what the runtime said of itself in ``X-Swift``."""
        self.fork_ms = header.get("fork_ms")
        self.spare = header.get("spare") is True
        self.rdma_ms = header.get("rdma_ms")
        self.run_ms = header.get("run_ms", self.run_ms)
        self.slot = header.get("slot")
        self.rdma = header.get("rdma")
        self.rdma_reason = header.get("rdma_reason")
        self.phases = header.get("phases") or None

    def to_json(self) -> dict[str, Any]:
        """The annotation's value."""
        value: dict[str, Any] = {
            "start": self.start,
            "reason": self.reason,
            "container_ms": self.container_ms,
            "init_ms": self.init_ms,
            "fork_ms": self.fork_ms,
            "rdma_ms": self.rdma_ms,
            "run_ms": self.run_ms,
            "queue_ms": self.queue_ms,
            "worker": self.worker,
            "slot": self.slot,
        }
        if self.spare:
            value["spare"] = True
        if self.rdma is not None:
            value["rdma"] = self.rdma
        if self.rdma_reason is not None:
            value["rdma_reason"] = self.rdma_reason
        if self.phases is not None:
            value["phases"] = dict(self.phases)
        return value
