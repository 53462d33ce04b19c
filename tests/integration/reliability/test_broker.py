"""Kafka's broker goes and comes back, under a running invoker and under load."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.integration.reliability.conftest import World
from tests.integration.reliability.process import SESSION_TIMEOUT_MS
from tests.integration.reliability.surroundings import Surroundings
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]


@pytest.fixture(autouse=True)
def _broker_is_back(surroundings: Surroundings) -> Iterator[None]:
    """Whatever becomes of a test, the others have a broker."""
    yield
    surroundings.kafka.ensure_started()


def test_broker_that_dies_under_load_costs_no_activation_and_repeats_none(
    world: World,
) -> None:
    before = world.invoke(20, sleep_s=0.05)
    world.caller.flush()
    eventually(lambda: len(world.caller.completed(before)) >= 5, "under load", 90)
    world.surroundings.kafka.kill()
    world.surroundings.kafka.ensure_started()
    after = world.invoke(20)
    _assert_all_ran(world, before + after)


def test_broker_away_for_longer_than_the_session_lasts(world: World) -> None:
    (first,) = world.invoke()
    world.caller.await_completed([first])
    running = world.invoke(2, sleep_s=1)
    eventually(lambda: all(world.runs(one) for one in running), "two run", 90)
    world.surroundings.kafka.stop()
    gone = time.monotonic()
    # What runs goes on without a broker; its record needs none.
    eventually(lambda: world.has_all_records(running), "records are stored meanwhile", 60)
    eventually(
        lambda: time.monotonic() > gone + 1.3 * SESSION_TIMEOUT_MS / 1000,
        "a broker away for longer than a session",
        60,
    )
    told = len(world.caller.pings)
    world.surroundings.kafka.ensure_started()
    after = world.invoke(10)
    _assert_all_ran(world, [first, *running, *after])
    eventually(lambda: len(world.caller.pings) > told + 1, "it pings again", 60)


def _assert_all_ran(world: World, ids: list[str]) -> None:
    """Each once, with an ack and a record; the process is the same as ever."""
    world.caller.flush()
    world.caller.await_completed(ids, 120)
    world.assert_each_ran_once(ids)
    eventually(lambda: world.has_all_records(ids), "records", 60)
    world.assert_each_has_its_record(ids)
    assert not world.invoker.ended
    assert world.invoker.events("invoker-up")
    assert world.invoker.events("ack-lost") == []
