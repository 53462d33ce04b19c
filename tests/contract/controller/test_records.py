"""Activation records over the API are those that OpenWhisk's API answered."""

from __future__ import annotations

import pytest

from devstack.controller import records
from tests.contract.controller import captured

STORED = captured.records()
ACKNOWLEDGED = {
    line["value"]["response"]["activationId"]: line["value"]["response"]
    for line in captured.sent("completed0")
    if isinstance(line["value"].get("response"), dict)
}
ANSWERED = captured.answered()
NAMES = [f"{line['case']}-{line['name']}" for line in ANSWERED]


@pytest.mark.parametrize("line", ANSWERED, ids=NAMES)
def test_records(line: captured.Document) -> None:
    body = line["body"]
    source = ACKNOWLEDGED if line["name"] == "blockingBody" else STORED
    assert records.shown(source[body["activationId"]]) == body


def test_what_a_blocking_call_answers_has_no_logs() -> None:
    bodies = [line["body"] for line in ANSWERED if line["name"] == "blockingBody"]
    assert bodies
    for body in bodies:
        assert records.shown(ACKNOWLEDGED[body["activationId"]])["logs"] == []
