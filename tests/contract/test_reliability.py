"""``docs/reliability.md`` is true: every promise names tests, and each of them exists."""

from __future__ import annotations

import re

import pytest

from tests.contract.documented import REPOSITORY, assert_tests_exist, named_in, without_tests

PAGE = REPOSITORY / "docs" / "reliability.md"
EVENTS = (
    "broker restarted under load",
    "broker away for longer than the session",
    "store away",
    "store answering errors or nothing",
    "Docker daemon restarted",
    "idle container killed",
    "running container killed",
    "template killed",
    "disk of the containers' logs full",
    "disk of the records full",
    "invoker told to end",
    "invoker killed",
    "killed between poll and dispatch",
    "twin",
    "host rebooted",
    "clock",
)
ROWS = [
    tuple(cell.strip() for cell in line.strip("|\n").split("|"))
    for line in PAGE.read_text().splitlines()
    if line.startswith("|") and "`tests/" in line
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_promise_is_whole_and_shown(row: tuple[str, ...]) -> None:
    assert len(row) == 3, "an event, what is promised, what shows it"
    event, promise, proof = row
    assert event
    assert promise
    assert named_in(proof), "no test is named"
    assert without_tests(proof) == "" or re.match("[A-Z]", without_tests(proof))
    assert_tests_exist(named_in(proof))


@pytest.mark.parametrize("event", EVENTS)
def test_event_is_there(event: str) -> None:
    assert any(event in row[0] for row in ROWS), f"nothing is promised for: {event}"
