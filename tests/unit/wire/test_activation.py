"""Activation messages: every malformed one is one clear line, nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoker_plugin.errors import MalformedMessage
from invoker_plugin.wire.activation import ActivationMessage
from invoker_plugin.wire.reference import ActionReference

MESSAGE: dict[str, Any] = {
    "action": {"path": "guest/pkg", "name": "echo", "version": "0.0.1"},
    "revision": "1-abc",
    "transid": ["t", 1],
    "user": {
        "subject": "guest",
        "namespace": {"name": "guest", "uuid": "u"},
        "authkey": {"api_key": "secret:key"},
        "rights": [],
        "limits": {},
    },
    "activationId": "a" * 32,
    "rootControllerIndex": {"asString": "0", "instanceType": "controller"},
    "blocking": True,
}


def _parse(**changed: Any) -> ActivationMessage:
    return ActivationMessage.parse(json.dumps({**MESSAGE, **changed}).encode())


def test_optional_fields_may_be_absent() -> None:
    message = _parse()
    assert message.content is None
    assert message.init_args == frozenset()
    assert message.cause is None
    assert not message.caused_by_sequence
    assert message.action.fully_qualified == "guest/pkg/echo"
    assert message.action.namespace == "guest"


@pytest.mark.parametrize("content", [{}, {"a": [1, {"b": None}]}, [], [1, "x"]])
def test_content_is_an_object_or_an_array(content: Any) -> None:
    assert _parse(content=content).content == content


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"content": "text"}, "field 'content' is neither an object nor an array"),
        ({"activationId": None}, "field 'activationId' is not a string"),
        ({"blocking": "yes"}, "field 'blocking' is not true or false"),
        ({"action": 1}, "field 'action' is not an object"),
        ({"action": {"path": "guest"}}, "field 'name' is missing"),
        ({"user": {}}, "field 'namespace' is missing"),
        ({"transid": 5}, "field 'transid' is not"),
        ({"initArgs": "x"}, "field 'initArgs' is not an array of strings"),
        ({"lockedArgs": []}, "field 'lockedArgs' is not an object"),
        ({"rootControllerIndex": {}}, "field 'asString' is missing"),
        ({"traceContext": 1}, "field 'traceContext' is not an object"),
    ],
)
def test_fault_names_the_field(changed: dict[str, Any], fault: str) -> None:
    with pytest.raises(MalformedMessage, match=fault):
        _parse(**changed)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"null", b"[]", b"NaN", b"[" * 100_000, b'{"a":' + b"9" * 5000],
)
def test_what_is_no_json_object_is_one_line(data: bytes) -> None:
    with pytest.raises(MalformedMessage) as raised:
        ActivationMessage.parse(data)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        ActivationMessage.parse(data)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(st.sampled_from(sorted(MESSAGE)), _VALUES)
def test_any_value_in_any_field_parses_or_is_malformed(key: str, value: Any) -> None:
    try:
        message = _parse(**{key: value})
    except MalformedMessage:
        return
    assert ActivationMessage.parse(json.dumps(message.to_json()).encode()) == message


def test_the_key_is_in_no_text_of_the_message() -> None:
    assert "secret:key" not in repr(_parse())


def test_binding_and_trace_context_are_kept() -> None:
    message = _parse(
        action={"path": "a/p", "name": "n", "binding": "guest/bound"}, traceContext={"k": "v"}
    )
    assert message.action == ActionReference("a/p", "n", None, "guest/bound")
    assert message.to_json()["traceContext"] == {"k": "v"}
    assert message.to_json()["action"]["binding"] == "guest/bound"
