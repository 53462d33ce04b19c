"""Which records are stored (behaviour 126)."""

from __future__ import annotations

import pytest

from invoker_plugin.store.levels import StoreLevels
from invoker_plugin.wire.response import ActivationResponse

_RESPONSES = (
    ActivationResponse.success({}),
    ActivationResponse.application_error("a"),
    ActivationResponse.developer_error("d"),
    ActivationResponse.whisk_error("w"),
)


@pytest.mark.parametrize(
    ("level", "stored"),
    [
        ("STORE_ALWAYS", [True, True, True, True]),
        ("STORE_FAILURES", [False, True, True, True]),
        ("STORE_FAILURES_NOT_APPLICATION_ERRORS", [False, False, True, True]),
    ],
)
@pytest.mark.parametrize("blocking", [True, False])
def test_level_of_each_way_of_invoking(level: str, stored: list[bool], blocking: bool) -> None:
    chosen = StoreLevels(blocking=level) if blocking else StoreLevels(non_blocking=level)
    assert [chosen.wants(response, blocking=blocking) for response in _RESPONSES] == stored
    assert all(chosen.wants(response, blocking=not blocking) for response in _RESPONSES)


def test_namespace_may_switch_storing_off_and_debugging_always_stores() -> None:
    success = _RESPONSES[0]
    assert not StoreLevels().wants(success, blocking=True, namespace_stores=False)
    assert StoreLevels("STORE_FAILURES").wants(success, blocking=True, debug=True)
    assert StoreLevels().wants(success, blocking=True, namespace_stores=False, debug=True)
