"""Arguments, environment and encrypted values."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoker_plugin.errors import SystemFault
from invoker_plugin.wire import encryption, parameters

KEYS = {"aes-128": os.urandom(16), "aes-256": os.urandom(32)}
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


def test_init_arguments_go_to_the_environment_alone() -> None:
    split = parameters.partition_arguments({"a": 1, "b": 2}, frozenset({"b", "absent"}))
    assert split == ({"b": 2}, {"a": 1})


@pytest.mark.parametrize(("content", "run"), [(None, {}), ([1], [1]), ({"a": 1}, {"a": 1})])
def test_without_init_arguments_all_goes_to_run(content: Any, run: Any) -> None:
    assert parameters.partition_arguments(content, frozenset()) == ({}, run)


def test_array_goes_to_run_whole() -> None:
    assert parameters.partition_arguments([1], frozenset({"a"})) == ({}, [1])


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), ("x", "x"), (True, "true"), (1, "1"), (1.5, "1.5"), ({"a": [1]}, '{"a":[1]}')],
)
def test_environment_holds_strings(value: Any, text: str) -> None:
    assert parameters.environment_text(value) == text


@pytest.mark.parametrize("scheme", sorted(KEYS))
@given(value=_JSON)
def test_locked_value_is_unlocked_to_itself(scheme: str, value: Any) -> None:
    locked = encryption.encrypt(value, scheme, KEYS)
    content = {"secret": locked, "plain": "p"}
    unlocked = parameters.unlock(content, {"secret": scheme}, KEYS)
    assert unlocked == {"secret": value, "plain": "p"}


@pytest.mark.parametrize("content", [None, [1], {"a": 1}])
def test_unlocked_content_is_left_alone(content: Any) -> None:
    assert parameters.unlock(content, {}, KEYS) is content


def test_noop_scheme_and_values_that_are_no_text_are_left_alone() -> None:
    content = {"a": "clear", "b": 5}
    assert parameters.unlock(content, {"a": "noop", "b": "aes-128"}, KEYS) == content


def test_missing_key_names_its_setting() -> None:
    with pytest.raises(SystemFault, match="CONFIG_whisk_parameterStorage_aes256"):
        parameters.unlock({"a": "x"}, {"a": "aes-256"}, {})


def test_unknown_scheme_is_told() -> None:
    with pytest.raises(SystemFault, match="this scheme is unknown"):
        parameters.unlock({"a": "x"}, {"a": "rot13"}, KEYS)


def test_another_key_is_told_without_the_value() -> None:
    locked = encryption.encrypt("s3cr3t", "aes-128", KEYS)
    with pytest.raises(SystemFault, match="is not the controller's key") as raised:
        parameters.unlock({"a": locked}, {"a": "aes-128"}, {"aes-128": bytes(16)})
    assert locked not in str(raised.value)


@pytest.mark.parametrize("value", ["", "!!!", "AAAA", "AAAADA=="])
def test_what_was_never_locked_is_a_system_fault(value: str) -> None:
    with pytest.raises(SystemFault):
        parameters.unlock({"a": value}, {"a": "aes-128"}, KEYS)
