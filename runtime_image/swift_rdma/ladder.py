"""The rungs of RDMA sharing, best first, and how the one to stand on is found. Pure.

``connected``: a queue pair that was connected to the peer before the fork. ``shared``: a queue pair
and memory made before the fork. ``inherited``: an own queue pair on the device that the template
opened. ``cached``: the own device, found in the discovery cache. ``stock``: the own device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

RUNGS = ("connected", "shared", "inherited", "cached", "stock")
BEST_VARIABLE = "SWIFT_RDMA_RUNG"
"""Environment: no better rung than this one is tried (default: the best)."""

Attempt = Callable[[], "str | None"]
"""Tries a rung out: None when it works, else why it does not."""


@dataclass(frozen=True)
class Standing:
    """A rung, and why it is not a better one (None for the best)."""

    rung: str
    reason: str | None = None


def lowest(rungs: Iterable[str]) -> str:
    """The worst of some rungs; raises ValueError for none or an unknown one."""
    return max(rungs, key=RUNGS.index)


def best_allowed(environ: Mapping[str, str]) -> str:
    """What ``SWIFT_RDMA_RUNG`` says; raises ValueError for a word that is no rung."""
    best = environ.get(BEST_VARIABLE) or RUNGS[0]
    if best not in RUNGS:
        raise ValueError(f"{BEST_VARIABLE} is {best!r}; set it to one of {', '.join(RUNGS)}")
    return best


def climb(attempts: Mapping[str, Attempt], best: str) -> Standing:
    """Try rungs in the order of :data:`RUNGS`, from ``best`` down, until one works.

    A rung without an attempt is passed over; ``stock`` needs none and always works.
    """
    reasons: list[str] = []
    if best != RUNGS[0]:
        reasons.append(f"{BEST_VARIABLE} is {best}")
    for rung in RUNGS[RUNGS.index(best) :]:
        if rung not in attempts:
            continue
        failure = attempts[rung]()
        if failure is None:
            return Standing(rung, "; ".join(reasons) or None)
        reasons.append(f"{rung}: {failure}")
    return Standing("stock", "; ".join(reasons) or None)
