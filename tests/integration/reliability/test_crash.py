"""The invoker ends, asked to or not: at most once, and no acknowledged record is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.reliability.conftest import MakeWorld, World
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]

# Two containers fit, so that the feed hands over two messages and holds those behind them.
TWO_PLACES = {"pool__user_memory_mb": 256}
PLACES = 4


def test_killed_between_poll_and_dispatch_nothing_runs_twice_and_the_rest_is_not_lost(
    make_world: MakeWorld,
) -> None:
    world = make_world(**TWO_PLACES)
    begun = world.invoke(2, sleep_s=600)
    eventually(lambda: all(world.runs(one) for one in begun), "both places are taken", 90)
    polled = world.invoke(3)
    world.caller.flush()
    told = len(world.invoker.events("intake"))
    # The invoker has them in hand: none waits in Kafka, and none was dispatched.
    eventually(lambda: 0 in _waiting_in_kafka(world)[told:], "a report says so", 60)
    world.invoker.kill()
    assert [world.runs(one) for one in polled] == [0, 0, 0]

    world.invoker.start()
    world.caller.await_completed(polled)
    world.assert_each_ran_once([*begun, *polled])
    assert world.caller.completed(begun) == []
    eventually(lambda: world.has_all_records(polled), "records", 30)
    # What the killed one left behind is gone, and this one leaves nothing.
    assert len(world.surroundings.containers(all_states=True)) <= 2
    assert world.invoker.stop() == 0
    assert world.surroundings.containers(all_states=True) == []


def test_killed_under_load_every_acknowledged_activation_has_its_record(
    make_world: MakeWorld,
) -> None:
    world = make_world(pool__user_memory_mb=128 * PLACES)
    ids = world.invoke(30) + world.invoke(30, blocking=True)
    eventually(lambda: len(world.caller.completed(ids)) >= 10, "ten are acknowledged", 90)
    world.invoker.kill()
    world.invoker.start()
    # Those that had a place are lost, as at most once has it; nothing else is.
    least = len(ids) - PLACES
    eventually(lambda: len(world.caller.completed(ids)) >= least, "the others complete", 90)
    answered = [one for one in ids if world.caller.acks[one]]
    eventually(lambda: world.has_all_records(answered), "records", 60)
    runs = [world.runs(one) for one in ids]
    assert max(runs) == 1
    assert runs.count(0) <= PLACES


def test_told_to_end_it_finishes_what_runs_and_leaves_the_rest_in_kafka(
    make_world: MakeWorld,
) -> None:
    world = make_world(**TWO_PLACES)
    begun = world.invoke(2, sleep_s=3)
    eventually(lambda: all(world.runs(one) for one in begun), "both run", 90)
    waiting = world.invoke(3)
    world.caller.flush()
    assert world.invoker.stop() == 0
    eventually(lambda: world.caller.completed(begun) == begun, "what ran is acknowledged", 30)
    assert world.has_all_records(begun)
    assert world.caller.pings[-1][1]["isEnabled"] is False
    assert world.invoker.waiting_files == []
    world.invoker.start()
    world.caller.await_completed(waiting)
    world.assert_each_ran_once([*begun, *waiting])


def test_twin_on_one_host_refuses_to_start_and_disturbs_nothing(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = make_world()
    (before,) = world.invoke()
    world.caller.await_completed([before])
    twin = world.invoker.twin(tmp_path / "twin", world.invoker.spool)
    twin.start(wait=False)
    assert twin.await_end() == 1
    assert "two invokers on this host have one number" in twin.log.read_text()
    (after,) = world.invoke()
    world.caller.await_completed([after])
    world.assert_each_ran_once([before, after])


def test_of_twins_on_two_hosts_one_ends_and_nothing_runs_twice(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = make_world()
    twin = world.invoker.twin(tmp_path / "twin", tmp_path / "twin" / "records")
    twin.start(wait=False)
    eventually(lambda: world.invoker.ended or twin.ended, "one of them ends", 90)
    ended = twin if twin.ended else world.invoker
    assert ended.await_end() == 1
    assert "two invokers have one number" in ended.log.read_text()
    ids = world.invoke(5)
    world.caller.await_completed(ids)
    twin.kill()
    assert all(_runs_anywhere(one, world, twin.seen) == 1 for one in ids)


def _waiting_in_kafka(world: World) -> list[int | None]:
    return [report.get("waiting_in_kafka") for report in world.invoker.events("intake")]


def _runs_anywhere(one: str, world: World, seen: Path) -> int:
    other = seen / one
    return world.runs(one) + (other.stat().st_size if other.exists() else 0)
