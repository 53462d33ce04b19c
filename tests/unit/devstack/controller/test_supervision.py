"""States of invokers over pings, outcomes and time (behaviours 138-142)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devstack.controller.pings import MalformedPing, Ping, parse_ping
from devstack.controller.supervision import Outcome, State, Supervision, Transition

PING = Ping(0, None, "invoker0", 2048, (), True)
SUCCESS, ERROR, TIMEOUT = Outcome.SUCCESS, Outcome.SYSTEM_ERROR, Outcome.TIMEOUT


class World:
    """A supervision with its clock, and what it did."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.tests: list[int] = []
        self.transitions: list[Transition] = []
        self.supervision = Supervision(
            self.tests.append, self.transitions.append, 10_000, lambda: self.now_ms
        )

    @property
    def state(self) -> str:
        return self.supervision.states()[PING.shown_name]

    def up(self) -> World:
        self.supervision.pinged(PING)
        self.supervision.finished(0, SUCCESS)
        assert self.state == "up"
        self.tests.clear()
        return self


def test_a_new_invoker_is_unhealthy_and_is_tested_once() -> None:
    world = World()
    for _ in range(3):
        world.supervision.pinged(PING)
    assert world.state == "unhealthy"
    assert world.tests == [0]
    assert not world.supervision.healthy()
    assert [item.after for item in world.transitions] == [State.DOWN, State.UNHEALTHY]


def test_one_success_makes_it_up() -> None:
    world = World()
    world.supervision.pinged(PING)
    world.supervision.finished(0, SUCCESS)
    assert world.supervision.healthy() == [PING]
    assert world.tests == [0]


def test_a_success_after_an_error_brings_another_test() -> None:
    world = World()
    world.supervision.pinged(PING)
    world.supervision.finished(0, ERROR)
    world.supervision.finished(0, SUCCESS)
    assert world.tests == [0, 0]


def test_one_that_stays_unhealthy_is_tested_each_minute() -> None:
    world = World()
    world.supervision.pinged(PING)
    for _ in range(120):
        world.now_ms += 1000
        world.supervision.pinged(PING)
        world.supervision.tick()
    assert world.tests == [0, 0, 0]


def test_three_system_errors_of_ten_are_tolerated_four_are_not() -> None:
    world = World().up()
    for _ in range(3):
        world.supervision.finished(0, ERROR)
    assert world.state == "up"
    world.supervision.finished(0, ERROR)
    assert world.state == "unhealthy"
    assert world.tests == [0]


def test_only_the_last_ten_count() -> None:
    world = World().up()
    for _ in range(10):
        for outcome in (ERROR, SUCCESS, SUCCESS, SUCCESS):
            world.supervision.finished(0, outcome)
    assert world.state == "up"


def test_an_unhealthy_one_needs_its_errors_forgotten() -> None:
    world = World().up()
    for _ in range(4):
        world.supervision.finished(0, ERROR)
    successes = 0
    while world.state != "up":
        world.supervision.finished(0, SUCCESS)
        successes += 1
    # Of ten remembered the first was a success: six more drop it, the seventh an error.
    assert successes == 7


def test_time_outs_make_it_unresponsive() -> None:
    world = World().up()
    for _ in range(4):
        world.supervision.finished(0, TIMEOUT)
    assert world.state == "unresponsive"
    assert not world.supervision.healthy()


def test_ten_seconds_without_ping_and_it_is_down() -> None:
    world = World().up()
    world.now_ms += 10_000
    world.supervision.tick()
    assert world.state == "up"
    world.now_ms += 1
    world.supervision.tick()
    assert world.state == "down"
    assert "no ping for 10001 ms" in world.transitions[-1].reason


def test_pings_keep_it_up() -> None:
    world = World().up()
    for _ in range(60):
        world.now_ms += 1000
        world.supervision.pinged(PING)
        world.supervision.tick()
    assert world.state == "up"
    assert not world.tests


def test_disabled_is_down_at_once_and_enabled_must_prove_itself() -> None:
    world = World().up()
    world.supervision.pinged(replace(PING, enabled=False))
    assert world.state == "down"
    world.supervision.finished(0, SUCCESS)
    assert world.state == "down"
    world.supervision.pinged(PING)
    assert world.state == "unhealthy"
    world.supervision.finished(0, SUCCESS)
    assert world.state == "up"


def test_an_error_never_makes_it_up() -> None:
    world = World()
    world.supervision.pinged(PING)
    world.supervision.finished(0, ERROR)
    assert world.state == "unhealthy"
    world.supervision.finished(0, SUCCESS)
    assert world.state == "up"


def test_an_unknown_invoker_s_outcome_is_ignored() -> None:
    world = World()
    world.supervision.finished(9, SUCCESS)
    assert not world.supervision.states()


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ({"displayedName": "d"}, "invoker3/d"),
        ({"uniqueName": "u", "displayedName": "d"}, "invoker3/u/d"),
        ({}, "invoker3"),
    ],
)
def test_shown_names(names: dict[str, str], shown: str) -> None:
    name = str({"instance": 3, "userMemory": "1 GB", **names}).replace("'", '"')
    ping = parse_ping(f'{{"name": {name}}}'.encode())
    assert (ping.shown_name, ping.memory_mb, ping.enabled) == (shown, 1024, True)


@pytest.mark.parametrize(
    "value", [b"", b"\xff", b"1", b"{}", b'{"name": {"instance": 0, "userMemory": "2 apples"}}']
)
def test_malformed_pings(value: bytes) -> None:
    with pytest.raises(MalformedPing):
        parse_ping(value)
