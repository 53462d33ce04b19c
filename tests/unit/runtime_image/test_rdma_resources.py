"""The provider of resources over a fork, with a stand-in: no device is needed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any, cast

import pytest

from swift_rdma import phases, resources


class Provider:
    rung = "shared"


@pytest.fixture(autouse=True)
def _restore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_current", None)
    monkeypatch.setattr(resources, "_owner", 0)
    monkeypatch.setattr(resources, "_abandoned", [])
    monkeypatch.setattr(phases, "_rung", "stock")


def test_a_provider_takes_the_place_of_the_stock_one() -> None:
    provider = cast(Any, Provider())
    resources.use(provider)
    assert resources.current() is provider
    assert phases.rung() == "shared"


def test_what_was_opened_before_a_fork_is_kept_but_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its destructors would close what is the parent's."""
    parents, own = cast(Any, Provider()), cast(Any, Provider())
    resources.use(parents)
    monkeypatch.setattr(resources.os, "getpid", lambda: -1)
    monkeypatch.setattr(resources, "StockResources", lambda device: own)
    assert resources.current() is own
    assert resources._abandoned == [parents]
    assert resources.current() is own


def test_two_threads_that_are_first_get_one_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    inside = Barrier(2)

    def make(device: str | None) -> Any:
        with suppress(BrokenBarrierError):
            inside.wait(0.2)  # a second one would come here
        made.append(Provider())
        return made[-1]

    monkeypatch.setattr(resources, "StockResources", make)
    with ThreadPoolExecutor(2) as threads:
        found = [
            thread.result() for thread in [threads.submit(resources.current) for _ in range(2)]
        ]
    assert found == made * 2
    assert len(made) == 1
