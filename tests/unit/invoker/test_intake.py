"""Queue length and delay of messages (behaviour 16)."""

from __future__ import annotations

import pytest

from invoker_plugin.bus.interface import Message
from invoker_plugin.errors import SystemFault
from invoker_plugin.invoker import intake as module
from invoker_plugin.invoker.intake import Intake


async def test_longest_delay_and_count_begin_anew_with_each_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "wall_ms", lambda: 10_000)

    async def lag() -> int:
        return 7

    intake = Intake(lag)
    for timestamp_ms in (9_000, 9_900, 0, 10_500):
        intake.arrived(Message(0, timestamp_ms, b""))
    told = {"messages": 4, "longest_delay_ms": 1_000, "waiting_in_kafka": 7}
    assert await intake.report() == told
    assert await intake.report() == {**told, "messages": 0, "longest_delay_ms": 0}


async def test_a_lag_that_cannot_be_asked_is_left_out() -> None:
    async def lag() -> int:
        raise SystemFault("Kafka is away")

    assert "waiting_in_kafka" not in await Intake(lag).report()
