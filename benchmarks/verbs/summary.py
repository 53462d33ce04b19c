"""Lines of the benchmark programs, put together: minimum, median and maximum by variant."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass

OWN_BUFFER = "own_buffer"  # what a program does to its own memory: not the library's time
EXEC_TO_MAIN = "exec_to_main"
TOTAL = "exec_to_rts_net"
MAIN_TO_READY = "main_to_rts_net"


@dataclass(frozen=True)
class Spread:
    """Microseconds over all rounds."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values))


Summary = dict[str, dict[str, Spread]]


def summarize(lines: Iterable[str]) -> Summary:
    """``run NAME stage microseconds ...`` lines to the spread of each stage of each name.

    Raises ValueError for a run that failed: a figure of fewer rounds than asked is no figure.
    """
    runs: dict[str, dict[str, list[float]]] = {}
    for line in lines:
        kind, name, *pairs = line.split()
        if kind != "run":
            raise ValueError(f"a run failed: {line}")
        stages = dict(zip(pairs[::2], map(float, pairs[1::2]), strict=True))
        for stage, value in {**stages, **_totals(stages)}.items():
            runs.setdefault(name, {}).setdefault(stage, []).append(value)
    return {
        name: {stage: Spread.of(values) for stage, values in stages.items()}
        for name, stages in runs.items()
    }


def _totals(stages: dict[str, float]) -> dict[str, float]:
    if EXEC_TO_MAIN not in stages:
        return {}
    total = sum(value for stage, value in stages.items() if stage != OWN_BUFFER)
    return {TOTAL: total, MAIN_TO_READY: total - stages[EXEC_TO_MAIN]}


def table(summary: Summary, stages: list[str]) -> str:
    """A text table of minimum/median/maximum in microseconds."""
    width = 24
    lines = [" " * 18 + "".join(f"{stage:>{width}}" for stage in stages)]
    for name, found in summary.items():
        cells = [_cell(found.get(stage)) for stage in stages]
        lines.append(f"{name:18}" + "".join(f"{cell:>{width}}" for cell in cells))
    return "\n".join(lines)


def _cell(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    return f"{spread.minimum:.0f}/{spread.median:.0f}/{spread.maximum:.0f}"


def main() -> int:
    """Put the lines of the standard input together."""
    summary = summarize(sys.stdin)
    stages = list(dict.fromkeys(stage for row in summary.values() for stage in row))
    print(table(summary, stages))
    return 0


if __name__ == "__main__":
    sys.exit(main())
