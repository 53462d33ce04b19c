"""Tests that a page of docs/ names: found in its text, and held to exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
Named = tuple[str, str]
"""A test's file, from the repository's root, and its name."""

_TEST = re.compile(r"`(tests/[^`]*?\.py)::(\w+)`")


def named_in(text: str) -> tuple[Named, ...]:
    """The tests that ``text`` names as `file::test`, in backquotes."""
    return tuple((path, name) for path, name in _TEST.findall(text))


def without_tests(text: str) -> str:
    """What ``text`` says beside them."""
    return _TEST.sub("", text).strip(" ,")


def assert_tests_exist(named: Iterable[Named]) -> None:
    """Fail for a file that does not exist, and for a test that is not in it."""
    for path, name in named:
        assert (REPOSITORY / path).is_file(), f"{path} does not exist"
        assert re.match("[Tt]est", name), f"{name} is no test"
        assert name in _names_in(path), f"{path} has no {name}"


@cache
def _names_in(path: str) -> frozenset[str]:
    """The functions, classes and variables of a test module, also those within classes."""
    tree = ast.parse((REPOSITORY / path).read_text())
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(names)
