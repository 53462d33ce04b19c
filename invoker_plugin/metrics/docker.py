"""How Docker answers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from invoker_plugin.metrics.buckets import PREFIX, SECONDS

OPERATIONS = (
    *("create", "start", "inspect", "pause", "unpause", "remove"),
    *("image inspect", "pull", "list", "logs", "version", "info"),
)
RESULTS = ("ok", "error", "timeout")


class DockerMetrics:
    """Calls of the Engine's API, by operation."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            f"{PREFIX}docker_calls",
            "Calls of the Docker Engine, by operation and result (ok, error, timeout).",
            ("operation", "result"),
            registry=registry,
        )
        self._seconds = Histogram(
            f"{PREFIX}docker_call_seconds",
            "Time that the Docker Engine took to answer, by operation.",
            ("operation",),
            buckets=SECONDS,
            registry=registry,
        )
        for operation in OPERATIONS:
            self._seconds.labels(operation)
            for result in RESULTS:
                self._calls.labels(operation, result)

    def called(self, operation: str, result: str, seconds: float) -> None:
        """A call ended."""
        self._calls.labels(operation, result).inc()
        self._seconds.labels(operation).observe(seconds)
