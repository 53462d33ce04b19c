"""Container names in OpenWhisk's form."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from invoker_plugin.containers.names import ContainerNames, container_name, prefix


def test_names_count_from_one() -> None:
    names = ContainerNames(0)
    assert names.prewarm("python:3") == "wsk0_1_prewarm_python3"
    assert names.action("whisk.system", "invokerHealthTestAction0") == (
        "wsk0_2_whisksystem_invokerHealthTestAction0"
    )


def test_unique_name_is_part_of_the_prefix() -> None:
    assert prefix(3, "host-a_b.example") == "wskhostabexample3_"


def test_invoker_1_does_not_own_what_invoker_10_made() -> None:
    assert not container_name(prefix(10), 1, "guest", "hello").startswith(prefix(1))


@given(st.text(), st.integers(0, 99), st.text(), st.integers(0, 99))
def test_no_prefix_begins_another(one: str, first: int, other: str, second: int) -> None:
    ours, theirs = prefix(first, one), prefix(second, other)
    assert ours == theirs or not theirs.startswith(ours)


@given(st.text(), st.text())
def test_docker_takes_every_name(owner: str, purpose: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", container_name("wsk0_", 1, owner, purpose))
