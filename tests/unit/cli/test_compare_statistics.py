"""Percentiles are measured values; groups are by start kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoker_plugin.cli.compare_sample import Sample
from invoker_plugin.cli.compare_statistics import (
    ALL,
    alike,
    percentile,
    ratios,
    start_kinds,
    summarise,
    tabulate,
)

DURATIONS = st.lists(st.floats(0, 1e6), min_size=1, max_size=300)


def _sample(start: str, **phases: float) -> Sample:
    return Sample("id", "guest/a", 0, start, None, "success", phases)


@given(DURATIONS, st.floats(0, 100))
def test_a_percentile_is_a_value_that_was_measured(values: list[float], percent: float) -> None:
    assert percentile(sorted(values), percent) in values


@given(DURATIONS)
def test_percentiles_never_fall(values: list[float]) -> None:
    found = summarise(values)
    assert found.minimum <= found.p50 <= found.p90 <= found.p99 <= found.maximum
    assert (found.minimum, found.maximum) == (min(values), max(values))


def test_nearest_rank_of_a_hundred() -> None:
    found = summarise(range(1, 101))
    assert (found.p50, found.p90, found.p99) == (50, 90, 99)


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_groups_by_start_kind_and_all() -> None:
    table = tabulate([_sample("fork", run=1.0), _sample("cold", run=9.0), _sample("fork", run=3.0)])
    assert list(table) == ["cold", "fork", ALL]
    assert table["fork"]["run"].count == 2
    assert table[ALL]["run"].maximum == 9.0
    assert "init" not in table["fork"]


def test_one_start_kind_needs_no_all() -> None:
    assert list(tabulate([_sample("warm", run=1.0)])) == ["warm"]


def test_ratio_is_second_by_first_where_both_have_it() -> None:
    first = tabulate([_sample("cold", run=10.0, wait=0.0)])
    second = tabulate([_sample("cold", run=2.5, wait=3.0), _sample("fork", run=1.0)])
    assert ratios(first, second) == {"cold": {"run": 0.25}}
    assert start_kinds(first, second) == ["cold", "fork", ALL]


def test_beside_a_stock_set_cold_and_prewarm_are_one() -> None:
    ours = [_sample("cold"), _sample("prewarm"), _sample("fork")]
    assert [item.start for item in alike(ours, [_sample("cold/prewarm")])] == [
        "cold/prewarm",
        "cold/prewarm",
        "fork",
    ]
    assert alike(ours, ours) == ours
