"""A consumer that does not end its close is left behind."""

from __future__ import annotations

import threading

import pytest

from invoker_plugin.bus.closing import close_within


class Stuck:
    """Waits in its close until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def close(self) -> None:
        self.let_go.wait(60)


class Failing:
    def close(self) -> None:
        raise RuntimeError("closed already")


def test_it_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    stuck = Stuck()
    assert not close_within(stuck, "invoker0", limit_s=0.05)
    assert "consumer-close-given-up" in caplog.text
    stuck.let_go.set()


def test_failure_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert close_within(Failing(), "invoker0")
    assert "consumer-close-failed" in caplog.text
