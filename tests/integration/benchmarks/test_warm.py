"""The warm benchmark runs, and what it writes has the form that its readers expect."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

WARM = Path(__file__).resolve().parents[3] / "benchmarks" / "warm" / "warm.py"
ACTIVATIONS = 60
LIMIT_S = 240


def test_it_measures_each_level_and_says_where_time_goes(tmp_path: Path) -> None:
    options = ["--activations", str(ACTIVATIONS), "--levels", "1,8", "--out", str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, str(WARM), *options], capture_output=True, text=True, timeout=LIMIT_S
    )
    assert ran.returncode == 0, ran.stderr
    report = json.loads((tmp_path / "warm.json").read_text())
    (run,) = report["runs"]
    assert [level["in_flight"] for level in run["levels"]] == [1, 8]
    assert run["levels"][1]["activations"] == ACTIVATIONS
    for level in run["levels"]:
        assert 0 < level["answer_p50_ms"] <= level["answer_p99_ms"]
        assert 0 < level["answer_p50_ms"] < level["free_p50_ms"]
        assert level["per_second"] > 0
    # Far from the aim of 100 MB on purpose: memory does not depend on how busy the machine is.
    assert 10 < run["memory_mb"]["now"] < 150
    modules = {row["module"] for row in report["profile"]}
    assert "invoker_plugin/invoker/runner.py" in modules
    assert sum(row["share"] for row in report["profile"]) > 0.95
    assert (tmp_path / "warm.svg").read_text().startswith("<svg")
