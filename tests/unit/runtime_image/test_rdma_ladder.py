"""Which rung of sharing workers stand on, and what is told of it."""

from __future__ import annotations

import os
import signal

import pytest

from swift_rdma import ladder, phases, probe
from swift_rdma.child import Child
from swift_rdma.ladder import Standing


def _fails(reason: str) -> ladder.Attempt:
    return lambda: reason


def _works() -> str | None:
    return None


def test_the_best_that_works_is_taken_without_trying_others() -> None:
    attempts: dict[str, ladder.Attempt] = {"shared": _works, "inherited": pytest.fail}
    assert ladder.climb(attempts, "connected") == Standing("shared")


def test_each_failure_is_a_rung_down_with_its_reason() -> None:
    attempts = {"shared": _fails("EACCES"), "inherited": _fails("signal 11"), "cached": _works}
    standing = ladder.climb(attempts, "connected")
    assert standing == Standing("cached", "shared: EACCES; inherited: signal 11")
    attempts["cached"] = _fails("no cache")
    assert ladder.climb(attempts, "connected").rung == "stock"


def test_no_better_rung_is_tried_than_allowed() -> None:
    attempts: dict[str, ladder.Attempt] = {"shared": pytest.fail, "inherited": _works}
    standing = ladder.climb(attempts, "inherited")
    assert standing == Standing("inherited", "SWIFT_RDMA_RUNG is inherited")
    assert ladder.climb({}, "stock").rung == "stock"


def test_the_limit_comes_from_the_environment() -> None:
    assert ladder.best_allowed({}) == "connected"
    assert ladder.best_allowed({"SWIFT_RDMA_RUNG": "stock"}) == "stock"
    with pytest.raises(ValueError, match="one of connected, shared"):
        ladder.best_allowed({"SWIFT_RDMA_RUNG": "best"})


def test_an_activation_reports_the_least_of_what_it_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phases, "_rung", "stock")
    monkeypatch.setattr(phases, "_reason", None)
    phases.reset()
    phases.set_rung("connected", "offered")
    assert (phases.rung(), phases.reason(), phases.used()) == ("connected", "offered", False)
    phases.took("connected")
    phases.took("inherited", "in use")
    phases.took("shared", "not declared")
    assert (phases.rung(), phases.reason(), phases.used()) == ("inherited", "in use", True)
    phases.reset()
    assert phases.rung() == "connected"


def test_a_probe_that_works_says_nothing() -> None:
    assert probe.in_child(lambda: None) is None


def test_a_probe_tells_what_was_raised() -> None:
    def refuse() -> None:
        raise PermissionError(13, "Permission denied")

    assert probe.in_child(refuse) == "in a forked child: [Errno 13] Permission denied"


def test_a_probe_tells_the_signal() -> None:
    found = probe.in_child(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert found == "a forked child died by SIGKILL"


def test_a_probe_that_hangs_is_killed() -> None:
    child = Child(signal.pause)
    assert child.failure(0.05) == "a forked child did not end within 0.05 s"
    with pytest.raises(ChildProcessError):
        os.waitpid(child.pid, os.WNOHANG)
