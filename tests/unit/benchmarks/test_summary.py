"""What the verbs benchmarks make of their programs' lines."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DIRECTORY = Path(__file__).resolve().parents[3] / "benchmarks" / "verbs"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DIRECTORY / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # they are scripts: they find each other by their directory
    spec.loader.exec_module(module)
    return module


summary = _load("summary")
plot = _load("plot")

LINES = [
    "run stock exec_to_main 10.0 get_device_list 20.0 own_buffer 100.0 rts 1.0",
    "run stock exec_to_main 12.0 get_device_list 30.0 own_buffer 90.0 rts 3.0",
    "run stock exec_to_main 11.0 get_device_list 22.0 own_buffer 95.0 rts 2.0",
    "run floor exec_to_main 5.0 rts 1.0",
]


def test_spreads_and_totals_without_the_programs_own_buffer() -> None:
    found = summary.summarize(LINES)
    assert found["stock"]["get_device_list"] == summary.Spread(20.0, 22.0, 30.0)
    assert found["stock"][summary.TOTAL] == summary.Spread(31.0, 35.0, 45.0)
    assert found["stock"][summary.MAIN_TO_READY].minimum == 21.0
    assert found["floor"][summary.TOTAL].minimum == 6.0


def test_a_failed_run_is_no_figure() -> None:
    with pytest.raises(ValueError, match="failed stock status 256"):
        summary.summarize([*LINES, "failed stock status 256"])


def test_the_table_and_the_plot_name_every_variant() -> None:
    found = summary.summarize(LINES)
    text = summary.table(found, [summary.TOTAL, "get_device_list"])
    assert "31/35/45" in text
    assert text.splitlines()[2].split() == ["floor", "6/6/6", "-"]
    picture = plot.bars(found, summary.TOTAL, "exec to <RTS>")
    assert "exec to &lt;RTS&gt;" in picture
    assert picture.count("<rect x=") == 2
