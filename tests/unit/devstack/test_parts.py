"""Choosing parts by name."""

from __future__ import annotations

import pytest

from devstack.errors import DevstackError
from devstack.parts import Part, choose


def _part(name: str, *requires: str) -> Part:
    return Part(name, [], stop=lambda: False, state=lambda: "down", requires=requires)


PARTS = [_part("kafka"), _part("store"), _part("controller", "kafka", "store"), _part("machine")]


def _names(*wanted: str) -> list[str]:
    return [part.name for part in choose(PARTS, wanted)]


def test_none_named_means_all() -> None:
    assert _names() == ["kafka", "store", "controller", "machine"]


def test_what_is_required_comes_along_and_before() -> None:
    assert _names("controller") == ["kafka", "store", "controller"]
    assert _names("machine", "kafka") == ["kafka", "machine"]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DevstackError, match="no part is called 'redis'; there are: kafka, store"):
        _names("redis")
