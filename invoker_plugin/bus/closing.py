"""Closing a librdkafka consumer, which may never end."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from confluent_kafka import KafkaException

from invoker_plugin.log import event

logger = logging.getLogger(__name__)

CLOSE_LIMIT_S = 10.0


class Closable(Protocol):
    """What is needed of a consumer."""

    def close(self) -> None:
        """Leave the group and let go of everything; blocks."""


def close_within(client: Closable, topic: str, limit_s: float = CLOSE_LIMIT_S) -> bool:
    """Close ``client``; whether that ended within ``limit_s``. Blocks: for a thread.

    A consumer that is closed in the very moment of its assignment was seen to wait for ever, in
    about one of a thousand tries (librdkafka 2.x, static membership). It is left behind then: the
    thread is a daemon, and the next process takes the membership over by its name.
    """
    failures: list[Exception] = []

    def close() -> None:
        try:
            client.close()
        except (KafkaException, RuntimeError) as failure:
            failures.append(failure)

    closing = threading.Thread(target=close, name=f"close-{topic}", daemon=True)
    closing.start()
    closing.join(limit_s)
    if closing.is_alive():
        event(logger, logging.WARNING, "consumer-close-given-up", topic=topic, limit_s=limit_s)
        return False
    for failure in failures:
        event(logger, logging.WARNING, "consumer-close-failed", topic=topic, error=str(failure))
    return True
