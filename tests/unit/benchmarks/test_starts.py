"""What the benchmarks of starts make of their samples."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

DIRECTORY = Path(__file__).resolve().parents[3] / "benchmarks" / "starts"


def _load(name: str) -> ModuleType:
    """A script of the directory; scripts find each other by bare names there, for this long."""
    known = {other: sys.modules.pop(other, None) for other in ("figures", "plot")}
    sys.path.insert(0, str(DIRECTORY))
    try:
        spec = importlib.util.spec_from_file_location(f"starts_{name}", DIRECTORY / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(DIRECTORY))
        for other, module_before in known.items():
            sys.modules.pop(other, None)
            if module_before is not None:
                sys.modules[other] = module_before


figures = _load("figures")
plot = _load("plot")

SAMPLES = {
    "stock process": [{"first_completion": 1000.0, "phases": {}}, {"first_completion": 1400.0}],
    "stock fork": [
        {"first_completion": 30.0, "fork": 10.0, "rung": "stock"},
        {"first_completion": 50.0, "fork": None, "rung": "stock"},
        {"first_completion": 40.0, "fork": 12.0, "rung": "stock"},
    ],
}
CONDITIONS = {"machine": "vm", "load_before": 0.1}


def test_a_stage_has_figures_when_every_round_has_it() -> None:
    found = figures.figures(SAMPLES)
    assert found["stock fork"] == {"first_completion": figures.Spread(30.0, 40.0, 50.0, 3)}
    assert found["stock process"]["first_completion"].count == 2


def test_ratios_are_of_medians_unless_told() -> None:
    found = figures.figures(SAMPLES)
    names = ("stock process", "stock fork", "first_completion")
    assert figures.ratio(found, *names) == pytest.approx(30.0)
    assert figures.ratio(found, *names, of="minimum") == pytest.approx(1000 / 30)


def test_the_file_says_what_kind_of_figures_it_holds(tmp_path: Path) -> None:
    found = figures.figures(SAMPLES)
    raw = {"conditions": CONDITIONS, "samples": SAMPLES}
    report = json.loads(figures.write(tmp_path, "x", raw, found, {"a / b": 3.14159}).read_text())
    assert "soft-RoCE on an emulated machine" in report["label"]
    assert report["ratios"] == {"a / b": 3.142}
    assert report["figures"]["stock fork"]["first_completion"]["median"] == 40.0
    assert report["samples"] == json.loads(json.dumps(SAMPLES))


def test_the_table_and_the_plot_name_every_series() -> None:
    found = figures.figures(SAMPLES)
    text = figures.table(found, ["first_completion", "fork"])
    assert text.splitlines()[2].split() == ["stock", "fork", "30.0/40.0/50.0", "-"]
    rows = {name: row["first_completion"] for name, row in found.items()}
    picture = plot.bars(rows, "request to <first>", figures.label(CONDITIONS))
    assert "request to &lt;first&gt;" in picture
    assert "soft-RoCE on an emulated machine" in picture
    assert picture.count("<rect x=") == 2
