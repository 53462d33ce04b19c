"""How many workers a template is asked to fork ahead, and what a record says of one that was."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from invoker_plugin.invoker import bodies
from invoker_plugin.invoker.activation import StartReport
from invoker_plugin.invoker.admission import _spares
from invoker_plugin.wire.limits import MOST_SPARES
from swift_runtime.requests import _MAX_SPARES


def test_both_sides_have_one_bound() -> None:
    assert MOST_SPARES == _MAX_SPARES


@pytest.mark.parametrize(
    ("annotation", "spares"),
    [(None, 1), (0, 0), (3, 3), (99, MOST_SPARES), (-1, 1), ("2", 1), (True, 1)],
)
def test_the_annotation_overrules_the_operators_number(annotation: Any, spares: int) -> None:
    annotations = {} if annotation is None else {"swift-spares": annotation}
    assert _spares(cast(Any, SimpleNamespace(annotations=annotations)), 1) == spares


@pytest.mark.parametrize(("slots", "asked"), [(1, 0), (2, 3)])
def test_a_template_of_one_worker_is_asked_for_none(slots: int, asked: int) -> None:
    limits = SimpleNamespace(memory_mb=256)
    action = SimpleNamespace(limits=limits, annotations={})
    activation = cast(Any, SimpleNamespace(action=action, log_limit_bytes=1, spares=3))
    assert bodies.init_swift(activation, slots)["spares"] == asked


def test_the_record_says_that_the_worker_was_forked_ahead() -> None:
    report = StartReport("fork", "")
    report.take({"fork_ms": 0.4, "spare": True})
    assert report.to_json()["spare"] is True
    report.take({"fork_ms": 8.0, "spare": False})
    assert "spare" not in report.to_json()
