"""Samples to spreads, tables, ratios and a file. Pure, but for the file."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LABEL = "soft-RoCE: software work and its ratios, nothing of a NIC's latency"
EMULATED = "soft-RoCE on an emulated machine: ratios of software work, no absolute times"


@dataclass(frozen=True)
class Spread:
    """Of all rounds."""

    minimum: float
    median: float
    maximum: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values), len(values))

    def __str__(self) -> str:
        return "/".join(_short(value) for value in (self.minimum, self.median, self.maximum))


Figures = dict[str, dict[str, Spread]]
"""By series, then by stage."""


def figures(samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figures:
    """The spread of each stage that is a number in every sample of a series."""
    return {
        name: {
            stage: Spread.of([float(sample[stage]) for sample in row])
            for stage in row[0]
            if all(_is_number(sample.get(stage)) for sample in row)
        }
        for name, row in samples.items()
    }


def ratio(found: Figures, over: str, under: str, stage: str, of: str = "median") -> float:
    """How many times ``over`` is ``under``."""
    above, below = (getattr(found[name][stage], of) for name in (over, under))
    return float(above / below)


def table(found: Figures, stages: Sequence[str]) -> str:
    """A text table of minimum/median/maximum."""
    width = 24
    first = max(len(name) for name in found) + 2
    lines = [" " * first + "".join(f"{stage:>{width}}" for stage in stages)]
    for name, row in found.items():
        cells = [str(row[stage]) if stage in row else "-" for stage in stages]
        lines.append(f"{name:{first}}" + "".join(f"{cell:>{width}}" for cell in cells))
    return "\n".join(lines)


def label(conditions: Mapping[str, Any]) -> str:
    """What must stand wherever a figure of these conditions does."""
    kind = conditions["machine"]
    return {"vm": EMULATED, "rxe": LABEL}.get(kind, f"the RDMA device of this host ({kind})")


def write(
    directory: Path, name: str, raw: Mapping[str, Any], found: Figures,
    ratios: Mapping[str, float], unit: str = "ms",
) -> Path:  # fmt: skip
    """Write ``NAME.json``: label, conditions, spreads, ratios and every sample."""
    directory.mkdir(parents=True, exist_ok=True)
    report = {
        "benchmark": name,
        "label": label(raw["conditions"]),
        "unit": unit,
        "conditions": raw["conditions"],
        "figures": {
            series: {stage: asdict(spread) for stage, spread in row.items()}
            for series, row in found.items()
        },
        "ratios": {key: round(value, 3) for key, value in ratios.items()},
        "samples": raw["samples"],
    }
    target = directory / f"{name}.json"
    target.write_text(json.dumps(report, indent=1) + "\n")
    return target


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
