"""Which invokers may be given work: a state machine over pings, acks and the clock. Pure.

Behaviours 138-142. An invoker that is new, or back, is *unhealthy* and gets test activations;
one success makes it *up*. More than 3 system errors (time-outs) among the last 10 outcomes make it
*unhealthy* (*unresponsive*). Without a ping for 10 s, or after ``isEnabled: false``, it is *down*.
"""

from __future__ import annotations

import enum
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from devstack.controller.pings import Ping

_REMEMBERED = 10
_TOLERATED = 3
_RETEST_MS = 60_000
"""As OpenWhisk. On an emulated machine a test takes half a minute: sooner ones would pile up."""


class State(str, enum.Enum):
    """The states by the names that ``GET /invokers`` shows."""

    UP = "up"
    UNHEALTHY = "unhealthy"
    UNRESPONSIVE = "unresponsive"
    DOWN = "down"


class Outcome(enum.Enum):
    """How an activation ended, as far as the invoker's health is concerned."""

    SUCCESS = enum.auto()
    SYSTEM_ERROR = enum.auto()
    TIMEOUT = enum.auto()


@dataclass
class _Invoker:
    ping: Ping
    state: State
    last_ping_ms: int
    last_test_ms: int = 0
    outcomes: deque[Outcome] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


@dataclass(frozen=True)
class Transition:
    """A change of one invoker's state, for the log."""

    invoker: str
    before: State | None
    after: State
    reason: str


class Supervision:
    """The known invokers and their states.

    ``test(instance)`` is called to send a test activation, ``changed(transition)`` on each change.
    """

    def __init__(
        self,
        test: Callable[[int], None],
        changed: Callable[[Transition], None],
        ping_timeout_ms: int = 10_000,
        clock_ms: Callable[[], int] = lambda: int(time.monotonic() * 1000),
    ) -> None:
        self._test = test
        self._changed = changed
        self._ping_timeout_ms = ping_timeout_ms
        self._clock_ms = clock_ms
        self._invokers: dict[int, _Invoker] = {}

    def pinged(self, ping: Ping) -> None:
        """A ping arrived."""
        invoker = self._invokers.get(ping.instance)
        if invoker is None:
            invoker = _Invoker(ping, State.DOWN, self._clock_ms())
            self._invokers[ping.instance] = invoker
            self._changed(Transition(ping.shown_name, None, State.DOWN, "first ping"))
        invoker.ping, invoker.last_ping_ms = ping, self._clock_ms()
        if not ping.enabled:
            self._move(invoker, State.DOWN, "it said isEnabled: false")
        elif invoker.state is State.DOWN:
            self._move(invoker, State.UNHEALTHY, "it pings")

    def finished(self, instance: int, outcome: Outcome) -> None:
        """An activation on the invoker ended."""
        invoker = self._invokers.get(instance)
        if invoker is None:
            return
        invoker.outcomes.append(outcome)
        if invoker.state is State.DOWN:
            return
        if outcome is Outcome.SUCCESS and invoker.state is State.UP:
            return
        self._judge(invoker, outcome)
        if outcome is Outcome.SUCCESS and set(invoker.outcomes) != {Outcome.SUCCESS}:
            # Another test at once clears the remembered errors as fast as can be. OpenWhisk sends
            # one without errors too; here it would only slow the first user's cold start.
            self._send_test(invoker)

    def tick(self) -> None:
        """Look at the clock: who is silent, who is due for another test."""
        now_ms = self._clock_ms()
        for invoker in self._invokers.values():
            if invoker.state is State.DOWN:
                continue
            silent_ms = now_ms - invoker.last_ping_ms
            if silent_ms > self._ping_timeout_ms:
                self._move(invoker, State.DOWN, f"no ping for {silent_ms} ms")
            elif invoker.state is not State.UP and now_ms - invoker.last_test_ms >= _RETEST_MS:
                self._send_test(invoker)

    def healthy(self) -> list[Ping]:
        """The invokers that may be given work, by number."""
        return [
            invoker.ping
            for _, invoker in sorted(self._invokers.items())
            if invoker.state is State.UP
        ]

    def states(self) -> Mapping[str, str]:
        """Every invoker's state by its shown name."""
        return {
            invoker.ping.shown_name: invoker.state.value
            for _, invoker in sorted(self._invokers.items())
        }

    def _judge(self, invoker: _Invoker, outcome: Outcome) -> None:
        errors = invoker.outcomes.count(Outcome.SYSTEM_ERROR)
        timeouts = invoker.outcomes.count(Outcome.TIMEOUT)
        if errors > _TOLERATED:
            self._move(invoker, State.UNHEALTHY, f"{errors} of its last 10 failed")
        elif timeouts > _TOLERATED:
            self._move(invoker, State.UNRESPONSIVE, f"{timeouts} of its last 10 timed out")
        elif outcome is Outcome.SUCCESS:
            self._move(invoker, State.UP, "it runs activations")

    def _move(self, invoker: _Invoker, state: State, reason: str) -> None:
        if invoker.state is state:
            return
        before, invoker.state = invoker.state, state
        self._changed(Transition(invoker.ping.shown_name, before, state, reason))
        if state in (State.UNHEALTHY, State.UNRESPONSIVE):
            self._send_test(invoker)

    def _send_test(self, invoker: _Invoker) -> None:
        invoker.last_test_ms = self._clock_ms()
        self._test(invoker.ping.instance)
