"""A commit that may be tried again is, three times (behaviour 14)."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from invoker_plugin.bus import confluent_consumer as module
from invoker_plugin.bus.confluent_consumer import ConfluentConsumer
from invoker_plugin.errors import SystemFault


class Client:
    """Refuses so many commits."""

    def __init__(self, refusals: int, retriable: bool) -> None:
        self.refusals = refusals
        self.retriable = retriable
        self.tries = 0

    def commit(self, **_: Any) -> list[Any]:
        self.tries += 1
        if self.tries <= self.refusals:
            code = KafkaError.REQUEST_TIMED_OUT
            raise KafkaException(KafkaError(code, "timed out", retriable=self.retriable))
        return []


@pytest.mark.parametrize(
    ("refusals", "retriable", "tries", "committed"),
    [(0, True, 1, True), (2, True, 3, True), (3, True, 3, False), (1, False, 1, False)],
)
def test_retriable_failures_are_tried_three_times(
    monkeypatch: pytest.MonkeyPatch, refusals: int, retriable: bool, tries: int, committed: bool
) -> None:
    monkeypatch.setattr(module, "RETRY_PAUSE_S", 0.0)
    consumer = ConfluentConsumer({}, "invoker0")
    client = Client(refusals, retriable)
    consumer._client = client  # type: ignore[assignment]
    consumer._connected = True
    if committed:
        consumer._commit(5)
    else:
        with pytest.raises(SystemFault, match="commit"):
            consumer._commit(5)
    assert client.tries == tries
