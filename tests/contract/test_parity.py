"""``docs/parity.md`` is true: all 156 behaviours are there, and every named test exists."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "parity.md"
BEHAVIOURS = 156
PROVEN, DIFFERENT, NOT_YET = "proven", "different", "not yet"
_TEST = re.compile(r"`(tests/[^`]*?\.py)::(\w+)`")


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
        found = tuple((path, name) for path, name in _TEST.findall(proof))
        return cls(int(number), what, state, found, _TEST.sub("", proof).strip(" ,"))


ROWS = [Row.parse(line) for line in PAGE.read_text().splitlines() if re.match(r"\| \d+ \|", line)]


@cache
def names_in(path: str) -> frozenset[str]:
    """The functions, classes and variables of a test module, also those within classes."""
    tree = ast.parse((REPOSITORY / path).read_text())
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(names)


def test_every_behaviour_is_there_once() -> None:
    assert [row.number for row in ROWS] == list(range(1, BEHAVIOURS + 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_row_is_true(row: Row) -> None:
    assert row.what
    for path, name in row.tests:
        assert (REPOSITORY / path).is_file(), f"{path} does not exist"
        assert re.match("[Tt]est", name), f"{name} is no test"
        assert name in names_in(path), f"{path} has no {name}"
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
