"""How long each phase of setting RDMA up took, in ms, by name.

The runtime resets this before an activation and reports it after; anyone may read it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = (
    "import",
    "open",
    "protection_domain",
    "registration",
    "completion_queue",
    "queue_pair",
    "exchange",
    "connect",
    "first_completion",
)

_measured: dict[str, float] = {}
_rung = "stock"


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Add the time of the block to the phase ``name``; blocks must not nest."""
    if name not in NAMES:
        raise ValueError(f"no such phase: {name}")
    begin = time.perf_counter()
    try:
        yield
    finally:
        add(name, (time.perf_counter() - begin) * 1000)


def add(name: str, elapsed_ms: float) -> None:
    """Add ``elapsed_ms`` to the phase ``name``."""
    _measured[name] = round(_measured.get(name, 0.0) + elapsed_ms, 3)


def snapshot() -> dict[str, float]:
    """What was measured since the last reset, in the order of :data:`NAMES`."""
    return {name: _measured[name] for name in NAMES if name in _measured}


def reset() -> None:
    """Forget what was measured."""
    _measured.clear()


def rung() -> str:
    """How far resources are shared: ``stock`` means each process has its own."""
    return _rung


def set_rung(name: str) -> None:
    """Called by the provider of resources when it shares more."""
    global _rung
    _rung = name
