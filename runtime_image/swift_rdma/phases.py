"""How long each phase of setting RDMA up took, in ms, by name.

The runtime resets this before an activation and reports it after; anyone may read it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from swift_rdma import ladder

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
_reason: str | None = None
_used: dict[str, str | None] = {}


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
    """Forget what was measured and used."""
    _measured.clear()
    _used.clear()


def used() -> bool:
    """Whether a connection was asked for since the last reset."""
    return bool(_used)


def rung() -> str:
    """How far resources are shared (see :mod:`swift_rdma.ladder`): the least of what was used."""
    return ladder.lowest(_used) if _used else _rung


def reason() -> str | None:
    """Why it is not a better rung; None when that is not known."""
    return _used.get(rung()) or _reason


def set_rung(name: str, why: str | None = None) -> None:
    """Called by the provider of resources: what it has to offer, and why nothing better."""
    global _rung, _reason
    _rung, _reason = name, why


def took(name: str, why: str | None = None) -> None:
    """Called by the provider of resources when a connection uses what that rung offers.

    ``why`` says what kept it from the better one that was on offer.
    """
    _used[name] = why
