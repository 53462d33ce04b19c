"""The fork check's children, bounds and conclusions: without any device."""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from typing import Any

import pytest

from swift_rdma import discovery, drill, fork_check
from swift_rdma.child import Child
from swift_rdma.drill import Extent, Failed
from swift_rdma.fork_check import ForkCheck, Report
from swift_rdma.ladder import Standing


def extent(slots: int = 4, rounds: int = 3, seconds: float = 60) -> Extent:
    return Extent(slots, rounds, 5, time.monotonic() + seconds, random.Random(1))


def forever_or(count: int | None) -> None:
    """A work that does nothing wrong."""
    while count is None:
        time.sleep(0.01)


def test_a_child_that_does_its_work() -> None:
    assert Child(lambda: None).failure(20) is None


def test_a_child_that_fails_says_why() -> None:
    def work() -> None:
        raise OSError("no such luck\nand more")

    assert Child(work).failure(20) == "in a forked child: no such luck"


def test_a_child_that_is_killed_or_hangs() -> None:
    killed = Child(lambda: forever_or(None))
    killed.kill()
    assert killed.failure(20) == "a forked child died by SIGKILL"
    assert "did not end within" in str(Child(lambda: forever_or(None)).failure(0.05))


def test_children_leave_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    Child(lambda: None).failure(20)
    assert len(os.listdir("/proc/self/fd")) == before


def test_every_slot_is_killed_in_and_lived_in() -> None:
    scope = extent(slots=4, rounds=3)
    seen = []
    while scope.next_round():
        seen.append(scope.victims())
        drill.run_children([forever_or] * 4, scope)
    assert seen == [frozenset(), {1, 3}, {0, 2}]
    assert scope.done == {"rounds": 3, "killed": 4, "checked": 5 * 8}
    assert str(scope) == "3 rounds of 4 children at once, 40 writes checked, 4 children killed"


def test_one_wrong_child_fails_the_round() -> None:
    def wrong(count: int | None) -> None:
        raise Failed("read other bytes")

    scope = extent()
    scope.next_round()
    with pytest.raises(Failed, match=r"slot 2: .*read other bytes"):
        drill.run_children([forever_or, forever_or, wrong, forever_or], scope)


def test_time_bounds_the_rounds() -> None:
    with pytest.raises(Failed, match="no time"):
        extent(seconds=-1).next_round()
    scope = extent(rounds=1000)
    assert scope.next_round()
    scope.deadline = 0
    assert not scope.next_round()


# -- the ladder ---------------------------------------------------------------------------------


class Device:
    """Stands in for an opened device."""

    class place:
        device, gid, mtu = "rxe0", "index 1", 1024

    protection_domain: Any = None

    def __init__(self, name: str) -> None:
        self.standing = STANDING[0]

    def stand(self, environ: Any) -> Standing:
        return self.standing

    def close(self) -> None:
        """Nothing is open."""


STANDING: list[Standing] = []


def concluded(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    standing: Standing,
    broken: tuple[str, ...],
) -> tuple[dict[str, Any], bool]:
    """The last finding, and whether the check failed; drills of ``broken`` rungs fail."""
    STANDING[:] = [standing]
    monkeypatch.setattr(fork_check, "Foundation", Device)
    monkeypatch.setattr(discovery, "cached", lambda: "no cache")
    monkeypatch.setattr(fork_check.verbs, "load", lambda: argparse.Namespace(Error=RuntimeError))
    monkeypatch.delenv("SWIFT_RDMA_RUNG", raising=False)

    def drilled(self: ForkCheck, rung: str, scope: Extent) -> None:
        if rung in broken:
            raise Failed("slot 1: a forked child died by SIGSEGV")

    monkeypatch.setattr(ForkCheck, "_drill", drilled)
    arguments = argparse.Namespace(slots=2, rounds=1, writes=1, seconds=10.0, seed=1)
    report = Report()
    ForkCheck("rxe0", arguments, report).run()
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return findings[-1], report.failed


@pytest.mark.parametrize(
    ("standing", "broken", "seen", "failed"),
    [
        (Standing("shared"), (), "connected holds", False),
        (Standing("inherited", "shared: no"), (), "inherited holds", False),
        (Standing("stock", "shared: no"), (), "stock holds", False),
        (Standing("shared"), ("connected",), "shared holds, connected does not", True),
        (Standing("shared"), ("connected", "shared", "inherited"), "stock holds", True),
        (Standing("stock", "no"), ("stock",), "none holds", True),
    ],
)
def test_the_first_rung_that_holds_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    standing: Standing,
    broken: tuple[str, ...],
    seen: str,
    failed: bool,
) -> None:
    last, has_failed = concluded(monkeypatch, capsys, standing, broken)
    assert last["check"] == "rung"
    assert last["seen"].startswith(seen)
    assert has_failed == failed
    assert ("SWIFT_RDMA_RUNG=" in last["remedy"]) == failed
    assert ("RDMAV_SWIFT=0" in last["remedy"]) == failed
