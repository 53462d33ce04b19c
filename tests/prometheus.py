"""What tests read of Prometheus' texts: an exposition's series, an expression's metrics."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

DEPLOY = Path(__file__).parents[1] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboard.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
SCRAPED = frozenset({"instance", "job", "le"})
"""Labels that Prometheus adds, or that a histogram's buckets have."""

_METRIC = re.compile(r"\b((?:swift_invoker|process|python)_[a-z_]+)\b(?:\{([^}]*)\})?")
_LABEL = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_BY = re.compile(r"\bby\s*\(([^)]*)\)")


def series(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Each sample's name with its labels and values."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def value(text: str, name: str, **labels: str) -> float:
    """The sum of the series of that name with these labels."""
    wanted = labels.items()
    return sum(number for given, number in series(text).get(name, []) if wanted <= given.items())


def used(expression: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """The metrics of an expression, each with what it asks of labels: name, operator, value."""
    return [(name, _LABEL.findall(asked)) for name, asked in _METRIC.findall(expression)]


def grouped(expression: str) -> set[str]:
    """The labels that an expression sums by."""
    return {label.strip() for group in _BY.findall(expression) for label in group.split(",")}


def dashboard_expressions() -> list[str]:
    """All expressions of the dashboard."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    targets = [one for panel in dashboard["panels"] for one in panel.get("targets", [])]
    return [target["expr"] for target in targets]


def alert_expressions() -> list[str]:
    """All expressions of the alerts: one line each, as the file is written."""
    return re.findall(r"^\s+expr: (.+)$", ALERTS.read_text(), re.MULTILINE)


def expressions() -> list[str]:
    """All of both."""
    return dashboard_expressions() + alert_expressions()
