"""Waiting for what other processes do, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any


def eventually(holds: Callable[[], Any], what: str, seconds: float = 90.0) -> Any:
    """The first true answer of ``holds``; a failed assertion when none came."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return found


async def until(holds: Callable[[], Any], seconds: float = 20.0) -> None:
    """The same in the event loop, which goes on meanwhile."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.005)
