"""Tables: columns aligned, durations with as many digits as tell something."""

from __future__ import annotations

import pytest

from invoker_plugin.cli import compare_tables
from invoker_plugin.cli.compare_sample import Sample
from invoker_plugin.cli.compare_statistics import tabulate


def _sample(start: str, checksum: str | None = None, **phases: float) -> Sample:
    return Sample("0123", "guest/a", 0, start, "because", "success", phases, checksum)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0.0, "0"), (0.034, "0.03"), (4.06, "4.1"), (12.0, "12"), (1234.6, "1235")],
)
def test_digits(value: float | None, shown: str) -> None:
    assert compare_tables._milliseconds(value) == shown


def test_each_shows_what_is_missing_as_a_dash() -> None:
    header, ruler, *rows = compare_tables.each([_sample("fork", "ab" * 32, wait=3.0, fork=4.2)])
    assert len(ruler) >= len(header)
    cells = ["fork", "because", "3", "-", "-", "4.2", "-", "-", "-", "ab" * 8, "0123", "success"]
    assert rows[0].split() == cells


def test_columns_are_aligned() -> None:
    table = tabulate([_sample("cold", run=1000.0), _sample("fork", run=1.5)])
    lines = compare_tables.percentiles(table)
    ends = {len(line) for line in lines}
    assert len(ends) == 1


def test_side_by_side_shows_phases_of_either() -> None:
    one = tabulate([_sample("cold", container=900.0, run=10.0)])
    other = tabulate([_sample("cold", run=5.0)])
    lines = compare_tables.side_by_side(one, other)
    container = next(line for line in lines if "container" in line)
    run = next(line for line in lines if line.split()[1:2] == ["run"])
    assert container.split()[-1] == "-"
    assert run.split()[-1] == "0.5"
