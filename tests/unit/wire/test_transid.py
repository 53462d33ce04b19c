"""Transaction ids of requests and of a sequence's components."""

from __future__ import annotations

import pytest

from invoker_plugin.wire.fields import FieldFault
from invoker_plugin.wire.transid import TransactionId


@pytest.mark.parametrize(
    "value",
    [
        ["a", 1],
        ["a", 1, True],
        ["a", 2, ["b", 1]],
        ["a", 3, ["b", 2, ["c", 1]]],
        ["a", 3, True, ["b", 2, True]],
    ],
)
def test_returns_unchanged(value: list[object]) -> None:
    assert TransactionId.parse(value).to_json() == value


@pytest.mark.parametrize(
    "value", [None, "a", [], ["a"], [1, "a"], ["a", 1, "b"], ["a", 1, True, 2], {"id": "a"}]
)
def test_refuses_any_other_form(value: object) -> None:
    with pytest.raises(FieldFault, match="transid"):
        TransactionId.parse(value)


def test_extra_logging_is_read() -> None:
    assert TransactionId.parse(["a", 1, True]).extra_logging
    assert not TransactionId.parse(["a", 1, ["b", 1]]).extra_logging
