"""What actions may use at most, and the sizes of what goes over the wire."""

from __future__ import annotations

from dataclasses import dataclass

from invoker_plugin.config import values
from invoker_plugin.config.setting import setting
from invoker_plugin.wire.limits import Bounds, SystemLimits

_WHISK = "CONFIG_whisk_"
_NAMESPACE = "CONFIG_whisk_namespaceDefaultLimit_"


@dataclass(frozen=True)
class LimitsSettings:
    """``namespace_`` bounds hold for namespaces that have none of their own."""

    timeout_min_ms: int = setting(
        f"{_WHISK}timeLimit_min", values.DURATION_MS, 100, "shortest time limit of an action"
    )
    timeout_max_ms: int = setting(
        f"{_WHISK}timeLimit_max", values.DURATION_MS, 300_000, "longest time limit of an action"
    )
    timeout_std_ms: int = setting(
        f"{_WHISK}timeLimit_std", values.DURATION_MS, 60_000, "time limit where none is given"
    )
    memory_min_mb: int = setting(
        f"{_WHISK}memory_min", values.SIZE_MB, 128, "least memory of an action"
    )
    memory_max_mb: int = setting(
        f"{_WHISK}memory_max", values.SIZE_MB, 512, "most memory of an action"
    )
    memory_std_mb: int = setting(
        f"{_WHISK}memory_std", values.SIZE_MB, 256, "memory where none is given"
    )
    logs_min_mb: int = setting(
        f"{_WHISK}logLimit_min", values.SIZE_MB, 0, "smallest log limit; 0: no logs"
    )
    logs_max_mb: int = setting(f"{_WHISK}logLimit_max", values.SIZE_MB, 10, "largest log limit")
    logs_std_mb: int = setting(
        f"{_WHISK}logLimit_std", values.SIZE_MB, 10, "log limit where none is given"
    )
    concurrency_min: int = setting(
        f"{_WHISK}concurrencyLimit_min", values.INTEGER, 1, "fewest activations in one container"
    )
    concurrency_max: int = setting(
        f"{_WHISK}concurrencyLimit_max", values.INTEGER, 1, "most activations in one container"
    )
    concurrency_std: int = setting(
        f"{_WHISK}concurrencyLimit_std", values.INTEGER, 1, "where none is given"
    )
    namespace_timeout_min_ms: int | None = setting(
        f"{_NAMESPACE}timeLimit_min",
        values.DURATION_MS,
        None,
        "the same for namespaces without one",
    )
    namespace_timeout_max_ms: int | None = setting(
        f"{_NAMESPACE}timeLimit_max",
        values.DURATION_MS,
        None,
        "the same for namespaces without one",
    )
    namespace_memory_min_mb: int | None = setting(
        f"{_NAMESPACE}memory_min", values.SIZE_MB, None, "the same for namespaces without one"
    )
    namespace_memory_max_mb: int | None = setting(
        f"{_NAMESPACE}memory_max", values.SIZE_MB, None, "the same for namespaces without one"
    )
    namespace_logs_min_mb: int | None = setting(
        f"{_NAMESPACE}logLimit_min", values.SIZE_MB, None, "the same for namespaces without one"
    )
    namespace_logs_max_mb: int | None = setting(
        f"{_NAMESPACE}logLimit_max", values.SIZE_MB, None, "the same for namespaces without one"
    )
    namespace_concurrency_min: int | None = setting(
        f"{_NAMESPACE}concurrencyLimit_min",
        values.INTEGER,
        None,
        "the same for namespaces without one",
    )
    namespace_concurrency_max: int | None = setting(
        f"{_NAMESPACE}concurrencyLimit_max",
        values.INTEGER,
        None,
        "the same for namespaces without one",
    )
    payload_bytes: int = setting(
        f"{_WHISK}activation_payload_max",
        values.SIZE_BYTES,
        1024 * 1024,
        "most bytes of arguments and of a result",
    )
    truncation_bytes: int = setting(
        f"{_WHISK}activation_payload_truncation",
        values.SIZE_BYTES,
        1024 * 1024,
        "what is kept of a result over that",
    )
    overhead_bytes: int = setting(
        f"{_WHISK}activation_serdesOverhead",
        values.SIZE_BYTES,
        6_068,
        "what a message may have beside the payload",
    )

    @property
    def message_bytes(self) -> int:
        """Most bytes of one Kafka message."""
        return self.payload_bytes + self.overhead_bytes

    def system(self) -> SystemLimits:
        """Return the bounds against which actions are checked."""
        return SystemLimits(
            timeout_ms=Bounds(
                self.timeout_min_ms,
                self.timeout_max_ms,
                self.timeout_std_ms,
                self.namespace_timeout_min_ms,
                self.namespace_timeout_max_ms,
            ),
            memory_mb=Bounds(
                self.memory_min_mb,
                self.memory_max_mb,
                self.memory_std_mb,
                self.namespace_memory_min_mb,
                self.namespace_memory_max_mb,
            ),
            logs_mb=Bounds(
                self.logs_min_mb,
                self.logs_max_mb,
                self.logs_std_mb,
                self.namespace_logs_min_mb,
                self.namespace_logs_max_mb,
            ),
            concurrency=Bounds(
                self.concurrency_min,
                self.concurrency_max,
                self.concurrency_std,
                self.namespace_concurrency_min,
                self.namespace_concurrency_max,
            ),
        )
