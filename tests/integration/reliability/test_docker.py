"""Docker's daemon is restarted, containers are killed by somebody else."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from invoker_plugin.wire import texts
from tests.integration.reliability.conftest import NOTING, World
from tests.integration.reliability.surroundings import Surroundings
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]


@pytest.fixture(autouse=True)
def _engine_is_back(surroundings: Surroundings) -> Iterator[None]:
    """Whatever becomes of a test, the others have an engine."""
    yield
    surroundings.start_engine()


def _kill(world: World, container: str) -> None:
    world.surroundings.docker().kill(container)


def _running(world: World, what: str) -> str:
    """The one container, once there is one."""
    found = eventually(lambda: world.surroundings.containers(), what, 60)
    assert len(found) == 1
    return str(found[0]["Id"])


def test_idle_container_that_is_killed_is_replaced_and_costs_nothing(world: World) -> None:
    (first,) = world.invoke()
    world.caller.await_completed([first])
    killed = _running(world, "an idle container")
    _kill(world, killed)
    second = world.invoke(3)
    world.caller.await_completed(second)
    world.assert_each_ran_once([first, *second])
    eventually(lambda: world.has_all_records([first, *second]), "records", 30)
    world.assert_each_has_its_record([first, *second])
    assert killed not in [one["Id"] for one in world.surroundings.containers(all_states=True)]
    gone = [line["container"] for line in world.invoker.events("container-not-kept")]
    assert killed[:12] in gone


def test_running_container_that_is_killed_fails_its_activation_alone(world: World) -> None:
    (lost,) = world.invoke(1, blocking=True, sleep_s=600)
    eventually(lambda: world.runs(lost), "it runs", 60)
    _kill(world, _running(world, "a busy container"))
    # At once, and not after the action's minute.
    world.caller.await_completed([lost], 30)
    eventually(lambda: world.has_all_records([lost]), "its record", 30)
    response = world.surroundings.records([lost])[lost]["response"]
    assert (response["statusCode"], response["result"]) == (2, {"error": texts.ABNORMAL_RUN})
    (after,) = world.invoke()
    world.caller.await_completed([after])
    world.assert_each_ran_once([lost, after])
    (completion,) = world.caller.completions(lost)
    assert completion["isSystemError"] is False


def test_template_that_is_killed_fails_its_forks_alone_and_is_made_anew(world: World) -> None:
    revision = world.surroundings.add_action("forking", NOTING, "python:3-rdma")
    send = world.caller.invoke
    (first,) = [send("forking", revision, {})]
    world.caller.await_completed([first])
    template = _running(world, "a template")
    lost = [send("forking", revision, {"sleep_s": 600}) for _ in range(2)]
    eventually(lambda: all(world.runs(one) for one in lost), "two forks run", 60)
    _kill(world, template)
    world.caller.await_completed(lost, 30)
    after = [send("forking", revision, {}) for _ in range(3)]
    world.caller.await_completed(after)
    world.assert_each_ran_once([first, *lost, *after])
    eventually(lambda: world.has_all_records([first, *lost, *after]), "records", 30)
    records = world.surroundings.records([*lost, *after])
    assert {records[one]["response"]["statusCode"] for one in lost} == {2}
    assert {records[one]["response"]["statusCode"] for one in after} == {0}


def test_daemon_that_is_restarted_under_load(world: World) -> None:
    before = world.invoke(8)
    world.caller.await_completed(before)
    running = world.invoke(2, sleep_s=600)
    eventually(lambda: all(world.runs(one) for one in running), "two run", 60)
    world.surroundings.end_engine()
    # What ran in it is answered, and what comes now fails at once rather than wait for ever.
    world.caller.await_completed(running, 60)
    meanwhile = world.invoke(2)
    world.caller.await_completed(meanwhile, 90)
    eventually(lambda: world.invoker.events("pings-stopped"), "no more pings", 60)
    world.surroundings.start_engine()
    eventually(lambda: world.invoker.events("pings-resumed"), "pings", 60)
    began = time.monotonic()
    after = world.invoke(8)
    world.caller.await_completed(after)
    assert time.monotonic() - began < 60
    world.assert_each_ran_once([*before, *running, *after])
    everything = [*before, *running, *meanwhile, *after]
    assert all(len(world.caller.completions(one)) == 1 for one in everything)
    assert all(world.runs(one) <= 1 for one in everything)
    eventually(lambda: world.has_all_records(everything), "records", 60)
    world.assert_each_has_its_record([*before, *after])
    assert not world.invoker.ended
