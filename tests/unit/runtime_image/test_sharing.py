"""The template's border to RDMA: whatever fails behind it, workers are forked."""

from __future__ import annotations

from typing import Any

import pytest

from swift_rdma import phases, resources
from swift_runtime.sharing import Sharing


class Foundation:
    """Stands in for an opened device."""

    def __init__(self) -> None:
        self.is_present = True
        self.closed = False

    def present(self) -> bool:
        return self.is_present

    def close(self) -> None:
        self.closed = True


class Shared:
    """Stands in for prepared slots."""

    rung = "shared"
    reason = None
    spoilt = False
    tainted = False

    def __init__(self) -> None:
        self.owned: set[int] = set()
        self.failure: Exception | None = None
        self.closed = False

    def take(self, slot: int) -> Any:
        if self.failure is not None:
            raise self.failure
        self.owned.add(slot)
        return type("Provider", (), {"rung": "shared", "slot": slot})()

    def give_back(self, slot: int) -> None:
        self.owned.remove(slot)

    def step(self) -> bool:
        if self.failure is not None:
            raise self.failure
        return True

    def due_seconds(self) -> float | None:
        return 0.0

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def sharing(monkeypatch: pytest.MonkeyPatch) -> Sharing:
    for name in ("_current", "own_reason"):
        monkeypatch.setattr(resources, name, None)
    monkeypatch.setattr(resources, "own_rung", "stock")
    monkeypatch.setattr(phases, "_rung", "stock")
    monkeypatch.setattr(phases, "_reason", None)
    made: Any = Sharing("rxe0")
    made._foundation, made._shared = Foundation(), Shared()
    made._wish, made.rung = (2, ()), "shared"
    return made  # type: ignore[no-any-return]


def test_without_a_device_nothing_is_done() -> None:
    sharing = Sharing(None)
    sharing.open()
    sharing.prepare(4, ["a:1"], None)
    sharing.before_fork(0)
    sharing.adopt()
    sharing.after_end(0)
    assert (sharing.rung, sharing.reason, sharing.idle_ms()) == (None, None, None)


def test_a_device_that_cannot_be_opened_is_told_and_costs_a_rung(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RDMAV_SWIFT_FORK", raising=False)
    monkeypatch.setattr(resources, "_current", None)
    sharing = Sharing("no-such-device")
    sharing.open()
    sharing.prepare(4, [], None)
    assert sharing.rung == "stock"
    assert sharing.reason is not None
    assert sharing.reason.startswith("opening the device: ")
    assert "workers set up their own resources" in capfd.readouterr().err


def test_a_worker_uses_what_its_slot_holds(sharing: Any) -> None:
    sharing.before_fork(1)
    sharing.adopt()
    assert resources.current().slot == 1  # type: ignore[attr-defined]
    assert phases.rung() == "shared"
    sharing.after_end(1)
    assert sharing._shared.owned == set()


def test_a_slot_that_fails_leaves_its_siblings_alone(sharing: Any) -> None:
    sharing.before_fork(0)
    sharing._shared.failure = OSError("no memory")
    sharing.before_fork(1)
    assert sharing._next is None
    sharing.after_end(1)
    assert sharing._shared.owned == {0}
    assert not sharing._foundation.closed


def test_work_that_fails_is_not_tried_again_at_once(sharing: Any) -> None:
    assert sharing.idle_ms() <= 10
    sharing._shared.failure = OSError("no memory")
    sharing.step()
    assert sharing.idle_ms() > 1000


def test_a_device_that_went_away_is_let_go_and_looked_for(sharing: Any) -> None:
    foundation, shared = sharing._foundation, sharing._shared
    sharing.before_fork(0)
    foundation.is_present = False
    sharing.before_fork(1)
    assert (foundation.closed, shared.closed) == (True, True)
    assert (sharing.rung, sharing.reason) == ("stock", "the device was removed")
    sharing.after_end(0)
    assert sharing._next is None


def test_an_idle_template_looks_for_its_device_now_and_then(sharing: Any) -> None:
    sharing._shared.due_seconds = lambda: None
    assert sharing.idle_ms() == 5000
    foundation = sharing._foundation
    sharing.step()
    assert not foundation.closed
    foundation.is_present = False
    sharing.step()
    assert foundation.closed
    assert sharing.idle_ms() is None


def test_an_action_that_wants_no_rdma_gets_none(sharing: Any) -> None:
    foundation = sharing._foundation
    sharing.prepare(4, [], "the action wants no RDMA")
    assert foundation.closed
    assert sharing.idle_ms() is None


def test_spares_are_stale_once_after_the_device_was_opened_anew(sharing: Any) -> None:
    assert not sharing.stale()
    sharing._foundation.is_present = False
    sharing.before_fork(0)
    assert sharing.stale()
    assert not sharing.stale()


def test_spares_are_stale_while_dead_workers_objects_are_left(sharing: Any) -> None:
    sharing._shared.tainted = True
    assert sharing.stale()
    assert sharing.stale()


def test_a_spare_is_fresh_while_its_device_is_there(sharing: Any) -> None:
    assert sharing.fresh()
    sharing._foundation.is_present = False
    assert not sharing.fresh()
    sharing._foundation = None
    assert sharing.fresh(), "it opens the device for itself"
