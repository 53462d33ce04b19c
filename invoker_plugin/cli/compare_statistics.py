"""Percentiles of samples by start kind and phase. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from invoker_plugin.cli.compare_sample import PHASES, STOCK_COLD, Sample

ALL = "all"
_STARTS = ("cold", STOCK_COLD, "prewarm", "warm", "fork")
Table = dict[str, dict[str, "Summary"]]


@dataclass(frozen=True)
class Summary:
    """Of one phase of one start kind; all in ms but the count."""

    count: int
    minimum: float
    p50: float
    p90: float
    p99: float
    maximum: float

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "count": self.count,
            "min_ms": self.minimum,
            "p50_ms": self.p50,
            "p90_ms": self.p90,
            "p99_ms": self.p99,
            "max_ms": self.maximum,
        }


def percentile(ordered: Sequence[float], percent: float) -> float:
    """By nearest rank: always a value that was measured, however few there are."""
    if not ordered:
        raise ValueError("a percentile of nothing")
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def summarise(values: Iterable[float]) -> Summary:
    """The summary of at least one value."""
    ordered = sorted(values)
    return Summary(
        count=len(ordered),
        minimum=percentile(ordered, 0),
        p50=percentile(ordered, 50),
        p90=percentile(ordered, 90),
        p99=percentile(ordered, 99),
        maximum=percentile(ordered, 100),
    )


def tabulate(samples: Sequence[Sample]) -> Table:
    """Summaries by start kind, then phase; with several start kinds there is ``all`` too."""
    groups: dict[str, list[Sample]] = {}
    for item in samples:
        groups.setdefault(item.start, []).append(item)
    table = {start: _by_phase(groups[start]) for start in sorted(groups, key=_rank)}
    if len(groups) > 1:
        table[ALL] = _by_phase(samples)
    return table


def alike(samples: Sequence[Sample], others: Sequence[Sample]) -> list[Sample]:
    """``samples`` with start kinds no finer than ``others`` can tell.

    A stock invoker's records do not say whether an initialised container was cold or prewarmed; to
    set ours beside them, ours must not say it either.
    """
    if not any(item.start == STOCK_COLD for item in others):
        return list(samples)
    return [
        replace(item, start=STOCK_COLD) if item.start in ("cold", "prewarm") else item
        for item in samples
    ]


def ratios(first: Table, second: Table) -> dict[str, dict[str, float]]:
    """How many times the second set's median is the first's, where both have one above 0."""
    found: dict[str, dict[str, float]] = {}
    for start, phases in first.items():
        for phase, summary in phases.items():
            other = second.get(start, {}).get(phase)
            if other is not None and summary.p50 > 0:
                found.setdefault(start, {})[phase] = other.p50 / summary.p50
    return found


def start_kinds(*tables: Table) -> list[str]:
    """The start kinds of all ``tables``, in the order to show them."""
    return sorted({start for table in tables for start in table}, key=_rank)


def _by_phase(samples: Sequence[Sample]) -> dict[str, Summary]:
    values = {
        phase: [item.phases[phase] for item in samples if phase in item.phases] for phase in PHASES
    }
    return {phase: summarise(found) for phase, found in values.items() if found}


def _rank(start: str) -> tuple[int, str]:
    if start == ALL:
        return len(_STARTS) + 1, start
    return (_STARTS.index(start) if start in _STARTS else len(_STARTS)), start
