"""The store goes, fails or hangs, and comes back: every acknowledged activation has its record."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.reliability.conftest import MakeWorld, World
from tests.integration.reliability.surroundings import Surroundings
from tests.integration.reliability.unwell import UnwellStore
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]

AWAY_S = float(os.environ.get("SWIFT_STORE_AWAY_S", "4"))
"""How long the store stays away; ``make test-long`` has it away for longer than a minute."""


@pytest.fixture(autouse=True)
def _store_is_back(surroundings: Surroundings) -> Iterator[None]:
    """Whatever becomes of a test, the others have a store."""
    yield
    surroundings.store.ensure_started()


def _warm(world: World, count: int = 1) -> list[str]:
    """Have the action in the invoker's cache, and a container for it."""
    ids = world.invoke(count)
    world.caller.await_completed(ids)
    eventually(lambda: world.has_all_records(ids), "first records", 60)
    return ids


def test_store_away_and_back_all_records_are_stored_in_order(world: World) -> None:
    ids = _warm(world)
    world.surroundings.store.stop()
    gone = time.monotonic()
    while time.monotonic() < gone + AWAY_S:
        more = world.invoke(5)
        # Activations run and are acknowledged all the while.
        world.caller.await_completed(more)
        ids += more
    assert world.invoker.waiting_files
    world.surroundings.store.ensure_started()
    eventually(lambda: world.has_all_records(ids), "records", 90)
    world.assert_each_has_its_record(ids)
    world.assert_each_ran_once(ids)
    assert world.invoker.events("record-lost") == []


def test_killed_while_the_store_is_away_the_next_start_stores_all_of_it(world: World) -> None:
    ids = _warm(world)
    world.surroundings.store.stop()
    more = world.invoke(20) + world.invoke(20, blocking=True)
    world.caller.await_completed(more)
    world.invoker.kill()
    assert world.invoker.waiting_files
    # The store is still away as the invoker starts, and is killed once more.
    world.invoker.start()
    recovered = world.invoker.events("records-recovered")
    assert recovered[0]["count"] >= len(more)
    world.invoker.kill()
    world.surroundings.store.ensure_started()
    world.invoker.start()
    eventually(lambda: world.has_all_records([*ids, *more]), "records", 60)
    world.assert_each_has_its_record([*ids, *more])
    assert world.invoker.stop() == 0
    assert world.invoker.waiting_files == []


@pytest.fixture
def unwell(surroundings: Surroundings) -> Iterator[UnwellStore]:
    made = UnwellStore(surroundings.store.address.port)
    yield made
    made.close()


@pytest.mark.parametrize("mode", ["errors", "silent"])
def test_store_that_fails_every_request_costs_no_record(
    make_world: MakeWorld, unwell: UnwellStore, mode: str
) -> None:
    settings: dict[str, Any] = {"store__port": unwell.port, "store__timeout_ms": 1_000}
    world = make_world(**settings)
    ids = _warm(world)
    unwell.become(mode)
    more = world.invoke(10)
    world.caller.await_completed(more)
    eventually(lambda: unwell.failed >= 2, "it was tried again", 60)
    assert world.surroundings.records(more) == {}
    unwell.become("well")
    eventually(lambda: world.has_all_records([*ids, *more]), "records", 60)
    world.assert_each_has_its_record([*ids, *more])
    assert world.invoker.events("record-lost") == []
