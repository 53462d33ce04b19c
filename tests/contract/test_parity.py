"""``docs/parity.md`` is true: all 156 behaviours are there, and every named test exists."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from tests.contract.documented import REPOSITORY, assert_tests_exist, named_in, without_tests

PAGE = REPOSITORY / "docs" / "parity.md"
BEHAVIOURS = 156
PROVEN, DIFFERENT, NOT_YET = "proven", "different", "not yet"


@dataclass(frozen=True)
class Row:
    """One behaviour's line of the table."""

    number: int
    what: str
    state: str
    tests: tuple[tuple[str, str], ...]
    reason: str

    @classmethod
    def parse(cls, line: str) -> Row:
        """Read a line of four cells."""
        number, what, state, proof = (cell.strip() for cell in line.strip("|\n").split("|"))
        return cls(int(number), what, state, named_in(proof), without_tests(proof))


ROWS = [Row.parse(line) for line in PAGE.read_text().splitlines() if re.match(r"\| \d+ \|", line)]


def test_every_behaviour_is_there_once() -> None:
    assert [row.number for row in ROWS] == list(range(1, BEHAVIOURS + 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_row_is_true(row: Row) -> None:
    assert row.what
    assert_tests_exist(row.tests)
    if row.state == PROVEN:
        assert row.tests, "nothing proves it"
    elif row.state == DIFFERENT:
        assert row.reason, "no reason is given"
    else:
        assert row.state == NOT_YET
        assert row.reason, "what is missing is not said"


@pytest.mark.parametrize("state", [PROVEN, DIFFERENT, NOT_YET])
def test_count_is_right(state: str) -> None:
    stated = re.search(rf"\*\*{state}\*\* \((\d+)\)", PAGE.read_text())
    assert stated is not None
    assert int(stated[1]) == sum(1 for row in ROWS if row.state == state)
