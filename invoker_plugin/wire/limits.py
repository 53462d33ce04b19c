"""An action's limits, and the system's and the namespace's bounds that they must keep to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from invoker_plugin.wire import fields, texts
from invoker_plugin.wire.identity import UserLimits

MOST_SPARES = 16
"""Of one template: the bound of docs/runtime-protocol.md."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most that a limit may be, and what an action gets that names none.

    ``namespace_min`` and ``namespace_max`` hold for namespaces that have no bound of their own;
    ``None`` is the system's bound.
    """

    min: int
    max: int
    std: int
    namespace_min: int | None = None
    namespace_max: int | None = None

    def most(self, namespace: int | None) -> int:
        """Return the upper bound for a namespace; it is never over the system's."""
        if namespace is None:
            namespace = self.namespace_max
        return self.max if namespace is None else min(namespace, self.max)

    def least(self, namespace: int | None) -> int:
        """Return the lower bound for a namespace; it is never under the system's."""
        if namespace is None:
            namespace = self.namespace_min
        return self.min if namespace is None else max(namespace, self.min)


@dataclass(frozen=True, slots=True)
class SystemLimits:
    """The deployment's bounds (behaviour 147): ms, MB, MB, and activations a container."""

    timeout_ms: Bounds = field(default=Bounds(100, 300_000, 60_000))
    memory_mb: Bounds = field(default=Bounds(128, 512, 256))
    logs_mb: Bounds = field(default=Bounds(0, 10, 10))
    concurrency: Bounds = field(default=Bounds(1, 1, 1))


@dataclass(frozen=True, slots=True)
class ActionLimits:
    """What an action may use: time, memory, logs, and activations at once in one container."""

    timeout_ms: int
    memory_mb: int
    logs_mb: int
    concurrency: int

    @classmethod
    def parse(cls, value: Any, standard: SystemLimits | None = None) -> ActionLimits:
        """Read a document's ``limits``; ``logs`` and ``concurrency`` may be absent."""
        limits = fields.as_object(value, "field 'limits'")
        standard = standard or _STANDARD
        return cls(
            timeout_ms=fields.integer(limits, "timeout"),
            memory_mb=fields.integer(limits, "memory"),
            logs_mb=fields.integer(limits, "logs", standard.logs_mb.std),
            concurrency=fields.integer(limits, "concurrency", standard.concurrency.std),
        )

    def to_json(self) -> dict[str, int]:
        """Return the stored form, which is also the ``limits`` annotation."""
        return {
            "concurrency": self.concurrency,
            "logs": self.logs_mb,
            "memory": self.memory_mb,
            "timeout": self.timeout_ms,
        }

    def exceeded(self, namespace: UserLimits, system: SystemLimits) -> str | None:
        """Return the user's text for the first limit out of bounds, ``None`` when all hold.

        The order (time, memory, concurrency, logs) is OpenWhisk's (behaviour 26).
        """
        return (
            self._time_out_of_bounds(namespace, system)
            or self._memory_out_of_bounds(namespace, system)
            or self._concurrency_out_of_bounds(namespace, system)
            or self._logs_out_of_bounds(namespace, system)
        )

    def _time_out_of_bounds(self, namespace: UserLimits, system: SystemLimits) -> str | None:
        most = system.timeout_ms.most(namespace.max_action_timeout_ms)
        if self.timeout_ms > most:
            return texts.duration_over(self.timeout_ms, most)
        least = system.timeout_ms.least(namespace.min_action_timeout_ms)
        if self.timeout_ms < least:
            return texts.duration_under(self.timeout_ms, least)
        return None

    def _memory_out_of_bounds(self, namespace: UserLimits, system: SystemLimits) -> str | None:
        most = system.memory_mb.most(namespace.max_action_memory_mb)
        if self.memory_mb > most:
            return texts.size_over("memory", self.memory_mb, most)
        least = system.memory_mb.least(namespace.min_action_memory_mb)
        if self.memory_mb < least:
            return texts.size_under("memory", self.memory_mb, least)
        return None

    def _concurrency_out_of_bounds(self, namespace: UserLimits, system: SystemLimits) -> str | None:
        most = system.concurrency.most(namespace.max_action_concurrency)
        if self.concurrency > most:
            return texts.concurrency_over(self.concurrency, most)
        least = system.concurrency.least(namespace.min_action_concurrency)
        if self.concurrency < least:
            return texts.concurrency_under(self.concurrency, least)
        return None

    def _logs_out_of_bounds(self, namespace: UserLimits, system: SystemLimits) -> str | None:
        most = system.logs_mb.most(namespace.max_action_logs_mb)
        if self.logs_mb > most:
            return texts.size_over("log", self.logs_mb, most)
        least = system.logs_mb.least(namespace.min_action_logs_mb)
        if self.logs_mb < least:
            return texts.size_under("log", self.logs_mb, least)
        return None


_STANDARD = SystemLimits()
