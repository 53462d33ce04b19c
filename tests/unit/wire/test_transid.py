"""Transaction ids of requests and of a sequence's components."""

from __future__ import annotations

import pytest

from invoker_plugin.wire.fields import FieldFault
from invoker_plugin.wire.transid import TransactionId


@pytest.mark.parametrize("value", [["a", 1], ["a", 2, ["b", 1]], ["a", 3, ["b", 2, ["c", 1]]]])
def test_returns_unchanged(value: list[object]) -> None:
    assert TransactionId.parse(value).to_json() == value


@pytest.mark.parametrize("value", [None, "a", [], ["a"], [1, "a"], ["a", 1, "b"], {"id": "a"}])
def test_refuses_any_other_form(value: object) -> None:
    with pytest.raises(FieldFault, match="transid"):
        TransactionId.parse(value)
