"""Like events are told once, and counted."""

from __future__ import annotations

import logging

import pytest

from invoker_plugin.bus import trouble
from invoker_plugin.bus.trouble import Trouble

logger = logging.getLogger("test")


def test_repeated_trouble_is_told_once_until_it_is_over(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Trouble(logger, "kafka-trouble", topic="t")
    for _ in range(100):
        told.tell("A", "down")
    told.tell("B", "other")
    assert len(caplog.records) == 2
    told.over()
    told.tell("A", "down again")
    assert len(caplog.records) == 3
    monkeypatch.setattr(trouble, "QUIET_S", 0.0)
    told.tell("A", "still down")
    assert len(caplog.records) == 4


def test_what_was_kept_back_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    told = Trouble(logger, "kafka-trouble")
    for _ in range(5):
        told.tell("A", "down")
    told.tell("B", "other")
    assert vars(caplog.records[1])["swift_fields"]["kept_back"] == 4
