"""Where an invoker's CPU time goes: cProfile's statistics, summed by module."""

from __future__ import annotations

import pstats
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_WAITING = ("select.epoll", "acquire' of '_thread", "time.sleep")


def by_module(statistics: Path, activations: int) -> list[dict[str, object]]:
    """Own time of each module in microseconds an activation, most first; waiting is left out.

    cProfile sees the event loop's thread only, and makes each call dearer: shares count, not times.
    """
    own_s: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    for (file, _, function), row in pstats.Stats(str(statistics)).stats.items():  # type: ignore[attr-defined]
        if any(waiting in function for waiting in _WAITING):
            continue
        module = _module(file, function)
        own_s[module] += row[2]
        calls[module] += row[1]
    total_s = sum(own_s.values())
    return [
        {
            "module": module,
            "us_each": round(seconds * 1e6 / activations, 1),
            "share": round(seconds / total_s, 3),
            "calls_each": round(calls[module] / activations, 1),
        }
        for module, seconds in sorted(own_s.items(), key=lambda item: -item[1])
    ]


def _module(file: str, function: str) -> str:
    if file in ("~", ""):
        return "built-in " + function.split("'")[1] if "'" in function else "built-in " + function
    path = Path(file)
    if path.is_relative_to(ROOT) and "site-packages" not in file:
        return str(path.relative_to(ROOT))
    return "/".join(path.parts[-2:])
