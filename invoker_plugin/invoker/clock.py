"""The two clocks: wall time for what is written down, a steady one for what is measured."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Milliseconds since the epoch, as OpenWhisk's messages and records have them."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Milliseconds of a clock that never goes back: the pool's time."""
    return time.monotonic_ns() // 1_000_000


def since_ms(start_ns: int) -> float:
    """Milliseconds since ``start_ns`` of ``time.monotonic_ns``, to the microsecond."""
    return round((time.monotonic_ns() - start_ns) / 1e6, 3)
