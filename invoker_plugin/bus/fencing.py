"""Tells a twin from a mishap, when a broker says that another member has our place.

Consumers join their group under a fixed name, so that a restarted invoker is served at once. A
broker that is restarted can lose its answer to a join and then take the repeated join for one of
another process: the client is fenced although it is alone. Joining again mends that. Two
processes under one number, though, fence each other in turn; the first to be struck twice in a
short time ends.
"""

from __future__ import annotations

import time

from invoker_plugin.bus.interface import Fenced
from invoker_plugin.errors import SystemFault

WINDOW_S = 60.0


class Fencing:
    """Counts the times that a consumer of ``topic`` was fenced."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._struck_s: float | None = None

    def fault(self, text: str) -> SystemFault:
        """Return what to raise: ``Fenced`` where a twin is at work, else a passing fault."""
        now_s = time.monotonic()
        twin = self._struck_s is not None and now_s - self._struck_s < WINDOW_S
        self._struck_s = now_s
        if twin:
            return Fenced(
                f"another process consumes topic {self._topic}: two invokers have one number "
                f"({text})"
            )
        return SystemFault(f"the place in the group of {self._topic} was lost: {text}")
