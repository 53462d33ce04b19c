"""Dashboard and alerts ask for what an invoker exports, and for nothing else.

``tests/integration/deployment/test_operating.py`` holds the same against one that runs.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json

import pytest

from invoker_plugin.metrics.metrics import Metrics
from invoker_plugin.metrics.standing import Standing
from tests.prometheus import (
    ALERTS,
    DASHBOARD,
    DEPLOY,
    SCRAPED,
    alert_expressions,
    dashboard_expressions,
    expressions,
    grouped,
    series,
    used,
)
from tests.unit.metrics.test_metrics import _report


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """Each exported series' labels."""
    metrics = Metrics("invoker0")
    metrics.activations.ran(_report("cold", run_ms=1.0), 0, 1, 1)
    standing = Standing(ping_stops={"Docker does not answer": 1})
    text = asyncio.run(metrics.text(lambda: standing)).decode()
    return {name: set(samples[0][0]) for name, samples in series(text).items()}


@pytest.mark.parametrize("expression", expressions())
def test_expression_asks_for_what_is_exported(
    expression: str, exported: dict[str, set[str]]
) -> None:
    known: set[str] = set(SCRAPED)
    for name, asked in used(expression):
        assert name in exported, f"{name} is not exported"
        known |= exported[name]
        assert {label for label, _, _ in asked} <= exported[name] | SCRAPED
    assert grouped(expression) <= known
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)


def test_every_metric_of_ours_is_on_the_dashboard(exported: dict[str, set[str]]) -> None:
    shown = {name for expression in dashboard_expressions() for name, _ in used(expression)}
    ours = {name for name in exported if name.startswith("swift_invoker_")}
    parts = {name for name in ours if name.endswith(("_count", "_sum"))}
    assert ours - parts - shown == set()


def test_dashboard_is_what_its_source_writes() -> None:
    source = DEPLOY / "grafana" / "make_dashboard.py"
    spec = importlib.util.spec_from_file_location("make_dashboard", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert json.loads(DASHBOARD.read_text()) == module.dashboard(), (
        "run python deploy/grafana/make_dashboard.py"
    )


def test_panels_have_places_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert place["x"] + place["w"] <= 24


def test_each_alert_has_an_expression_and_a_summary() -> None:
    text = ALERTS.read_text()
    alerts = text.count("- alert: ")
    assert alerts > 10
    assert len(alert_expressions()) == alerts
    assert text.count("summary: ") == alerts
    assert text.count("severity: ") == alerts
