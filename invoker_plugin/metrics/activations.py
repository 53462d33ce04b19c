"""How activations started, ended, and how long each phase took."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram

from invoker_plugin.metrics.buckets import PREFIX, SECONDS

UNSTARTED = "none"
"""The start of an activation that never ran: refused, or its container failed."""
STARTS = ("cold", "prewarm", "warm", "fork", UNSTARTED)
OUTCOMES = ("success", "application_error", "developer_error", "whisk_error")
"""By a response's status code."""
MS = 1000.0


class Report(Protocol):
    """What is read of a ``StartReport``; all in ms, ``None`` for a phase that did not happen."""

    start: str
    queue_ms: float
    container_ms: float | None
    init_ms: float | None
    fork_ms: float | None
    rdma_ms: float | None
    run_ms: float | None


class ActivationMetrics:
    """Called once for each activation; some microseconds each."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ended = Counter(
            f"{PREFIX}activations",
            "Activations that ended, by how they were started and how they ended.",
            ("start", "outcome"),
            registry=registry,
        )
        self._ended = {
            (start, status): ended.labels(start, outcome)
            for start in STARTS
            for status, outcome in enumerate(OUTCOMES)
        }
        self._phase = Histogram(
            f"{PREFIX}phase_seconds",
            "Time of each phase of an activation: wait (from the request to the container's first "
            "work for it), queue (in the invoker), container, init, fork, rdma (set-up), run, "
            "end_to_end (request to answer).",
            ("phase", "start"),
            buckets=SECONDS,
            registry=registry,
        )
        self._phases: dict[tuple[str, str], Histogram] = {}
        self.logs = Histogram(
            f"{PREFIX}log_collection_seconds",
            "Time that collecting an activation's logs took.",
            buckets=SECONDS,
            registry=registry,
        )
        self.stored = Histogram(
            f"{PREFIX}record_stored_seconds",
            "Time from an activation's record being ready to the store having it.",
            buckets=SECONDS,
            registry=registry,
        )
        self._returned = Counter(
            f"{PREFIX}activations_returned",
            "Activations that a container did not take, and that were placed anew.",
            ("cause",),
            registry=registry,
        )
        for cause in ("resume", "refused", "conflict", "unavailable"):
            self._returned.labels(cause)

    def ran(self, report: Report, status: int, wait_ms: float, total_ms: float) -> None:
        """An activation ran, and was answered with a response of ``status``."""
        start = report.start
        self._ended[start, status].inc()
        self._observe("wait", start, wait_ms)
        self._observe("end_to_end", start, total_ms)
        self._observe("queue", start, report.queue_ms)
        if report.container_ms is not None:
            self._observe("container", start, report.container_ms)
        if report.init_ms is not None:
            self._observe("init", start, report.init_ms)
        if report.fork_ms is not None:
            self._observe("fork", start, report.fork_ms)
        if report.rdma_ms is not None:
            self._observe("rdma", start, report.rdma_ms)
        if report.run_ms is not None:
            self._observe("run", start, report.run_ms)

    def unstarted(self, status: int) -> None:
        """An activation was answered without having run."""
        self._ended[UNSTARTED, status].inc()

    def returned(self, cause: str) -> None:
        """A container did not take an activation."""
        self._returned.labels(cause).inc()

    def _observe(self, phase: str, start: str, duration_ms: float) -> None:
        child = self._phases.get((phase, start))
        if child is None:
            child = self._phases[phase, start] = self._phase.labels(phase, start)
        child.observe(duration_ms / MS)
