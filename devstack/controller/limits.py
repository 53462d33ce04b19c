"""What an action may ask for, and how large a request may be (behaviour 147)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.controller.faults import BadRequest

Json = Any
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Bounds and defaults; OpenWhisk's own, but for concurrency, which it ships switched off."""

    timeout_min_ms: int = 100
    timeout_max_ms: int = 300_000
    timeout_default_ms: int = 60_000
    memory_min_mb: int = 128
    memory_max_mb: int = 512
    memory_default_mb: int = 256
    logs_min_mb: int = 0
    logs_max_mb: int = 10
    logs_default_mb: int = 10
    concurrency_min: int = 1
    concurrency_max: int = 500
    concurrency_default: int = 1
    payload_bytes: int = _MEBIBYTE
    code_bytes: int = 48 * _MEBIBYTE
    inline_code_bytes: int = 16 * 1024
    blocking_wait_ms: int = 60_000

    def ranges(self) -> Mapping[str, Range]:
        """The action limits by the names that documents use."""
        return {
            "concurrency": Range(
                "", self.concurrency_min, self.concurrency_default, self.concurrency_max
            ),
            "logs": Range(" MB", self.logs_min_mb, self.logs_default_mb, self.logs_max_mb),
            "memory": Range(" MB", self.memory_min_mb, self.memory_default_mb, self.memory_max_mb),
            "timeout": Range(
                " milliseconds",
                self.timeout_min_ms,
                self.timeout_default_ms,
                self.timeout_max_ms,
            ),
        }


@dataclass(frozen=True)
class Range:
    """One limit: its unit as texts show it, and its bounds."""

    unit: str
    minimum: int
    default: int
    maximum: int

    def check(self, name: str, value: Json) -> int:
        """``value`` if it is an integer within the bounds; raises :class:`BadRequest`."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadRequest.malformed(f"limits: {name} must be an integer, not {value!r}")
        if value < self.minimum:
            raise BadRequest.malformed(
                f"requirement failed: {name} {value}{self.unit} below allowed threshold of "
                f"{self.minimum}{self.unit}"
            )
        if value > self.maximum:
            raise BadRequest.malformed(
                f"requirement failed: {name} {value}{self.unit} exceeds allowed threshold of "
                f"{self.maximum}{self.unit}"
            )
        return value


def action_limits(
    limits: Limits, wanted: Json, present: Mapping[str, int] | None
) -> dict[str, int]:
    """An action's limits: what is ``wanted``, else what was ``present``, else the defaults."""
    if wanted is not None and not isinstance(wanted, dict):
        raise BadRequest.malformed("limits: must be an object")
    given = {key: value for key, value in (wanted or {}).items() if value is not None}
    chosen: dict[str, int] = {}
    for name, bounds in limits.ranges().items():
        fallback = bounds.default if present is None else present.get(name, bounds.default)
        chosen[name] = bounds.check(name, given.pop(name)) if name in given else fallback
    if given:
        raise BadRequest.malformed(f"limits: unknown limit {sorted(given)[0]!r}")
    return chosen
