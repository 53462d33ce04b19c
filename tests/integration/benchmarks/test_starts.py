"""The benchmarks of starts run, in few rounds; judged are ratios that hold on any machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DIRECTORY = Path(__file__).resolve().parents[3] / "benchmarks" / "starts"
IMAGES = ["--images", "debian"]
_LIMIT_S = 420

pytestmark = pytest.mark.rdma


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("starts")


def _report(directory: Path, program: str, *options: str) -> Any:
    command = [sys.executable, str(DIRECTORY / program), "--out", str(directory), *IMAGES]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    name = program.removesuffix(".py").replace("_", "-")
    report = json.loads((directory / f"{name}.json").read_text())
    assert report["benchmark"] == name
    assert report["label"] in done.stdout
    assert report["label"] in (directory / f"{name}.svg").read_text()
    for stages in report["figures"].values():
        for spread in stages.values():
            assert 0 <= spread["minimum"] <= spread["median"] <= spread["maximum"]
    return report


def test_a_fork_is_many_times_faster_than_a_cold_process(directory: Path) -> None:
    kinds = ["process", "warm", "fork", "spare"]
    report = _report(directory, "start_kinds.py", "--rounds", "3", "--kinds", ",".join(kinds))
    found = {name: row["first_completion"] for name, row in report["figures"].items()}
    assert set(found) == {f"debian {kind}" for kind in kinds}
    assert {row["count"] for row in found.values()} == {3}
    assert found["debian process"]["minimum"] >= 5 * found["debian fork"]["minimum"]
    assert found["debian process"]["minimum"] >= 5 * found["debian spare"]["minimum"]
    assert {row["spare"] for row in report["samples"]["debian spare"]} == {True}


def test_every_child_of_a_burst_completes(directory: Path) -> None:
    report = _report(directory, "forks_under_load.py", "--rounds", "1", "--counts", "1,4")
    assert set(report["figures"]) == {"debian 1", "debian 4"}
    four = report["samples"]["debian 4"][0]
    assert four["first_completion"] <= four["median_completion"] <= four["last_completion"]
    assert 0 < four["private_kib"] <= four["private_kib_most"]


def test_arenas_are_compared_with_the_smallest(directory: Path) -> None:
    report = _report(directory, "arena_size.py", "--rounds", "1", "--sizes", "1")
    assert set(report["figures"]) == {"debian 1 MiB"}
    assert report["ratios"]["debian 1 MiB / debian 1 MiB, median"] == 1


def test_the_data_path_of_perftest_and_of_parent_and_child(directory: Path) -> None:
    report = _report(directory, "data_path.py", "--rounds", "1", "--what", "ib_write_lat,parent")
    assert report["figures"]["debian ib_write_lat"]["typical_us"]["minimum"] > 0
    assert report["figures"]["debian parent"]["typical_us"]["minimum"] > 0
