"""A single strike is a mishap, two in a short time are a twin."""

from __future__ import annotations

import pytest

from invoker_plugin.bus import fencing
from invoker_plugin.bus.fencing import Fencing
from invoker_plugin.bus.interface import Fenced


def test_second_strike_in_a_short_time_is_a_twins() -> None:
    watch = Fencing("invoker0")
    assert not isinstance(watch.fault("fenced"), Fenced)
    twin = watch.fault("fenced")
    assert isinstance(twin, Fenced)
    assert "two invokers have one number" in str(twin)


def test_strikes_far_apart_are_mishaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fencing, "WINDOW_S", 0.0)
    watch = Fencing("invoker0")
    assert not any(isinstance(watch.fault("fenced"), Fenced) for _ in range(3))
