"""Action limits against the system's and the namespace's bounds (behaviour 26)."""

from __future__ import annotations

from typing import Any

import pytest

from invoker_plugin.wire.identity import NO_LIMITS, UserLimits
from invoker_plugin.wire.limits import ActionLimits, Bounds, SystemLimits

SYSTEM = SystemLimits(concurrency=Bounds(1, 4, 1))
FITTING = {"timeout": 60_000, "memory": 256, "logs": 10, "concurrency": 1}


def _exceeded(namespace: dict[str, Any], **changed: int) -> str | None:
    limits = ActionLimits.parse({**FITTING, **changed})
    return limits.exceeded(UserLimits(namespace), SYSTEM)


def test_limits_at_the_bounds_hold() -> None:
    assert _exceeded({}) is None
    assert _exceeded({}, timeout=300_000, memory=512, logs=10, concurrency=4) is None
    assert _exceeded({}, timeout=100, memory=128, logs=0, concurrency=1) is None


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {"timeout": 300_001},
            "duration 300001 milliseconds exceeds allowed threshold of 300000 milliseconds",
        ),
        (
            {"timeout": 99},
            "duration 99 milliseconds below allowed threshold of 100 milliseconds",
        ),
        ({"memory": 513}, "memory size 513 MB exceeds allowed threshold of 512 MB"),
        ({"memory": 64}, "memory size 64 MB below allowed threshold of 128 MB"),
        ({"logs": 11}, "log size 11 MB exceeds allowed threshold of 10 MB"),
        ({"concurrency": 5}, "concurrency 5 exceeds allowed threshold of 4"),
        ({"concurrency": 0}, "concurrency 0 below allowed threshold of 1"),
    ],
)
def test_limit_out_of_bounds_is_told(changed: dict[str, int], text: str) -> None:
    assert _exceeded({}, **changed) == text


def test_namespace_narrows_but_never_widens_the_system() -> None:
    assert _exceeded({"maxActionMemory": 128}) == (
        "memory size 256 MB exceeds allowed threshold of 128 MB"
    )
    assert _exceeded({"maxActionMemory": 4096}, memory=1024) == (
        "memory size 1024 MB exceeds allowed threshold of 512 MB"
    )
    assert _exceeded({"minActionLogs": 5}, logs=1) == (
        "log size 1 MB below allowed threshold of 5 MB"
    )


def test_default_of_namespaces_holds_where_one_has_none() -> None:
    system = SystemLimits(memory_mb=Bounds(128, 4096, 256, namespace_max=1024))
    limits = ActionLimits.parse({**FITTING, "memory": 2048})
    assert limits.exceeded(NO_LIMITS, system) is not None
    assert limits.exceeded(UserLimits({"maxActionMemory": 4096}), system) is None
