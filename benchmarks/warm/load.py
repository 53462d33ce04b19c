"""Closed loops of blocking activations: so many in flight, each followed by the next."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

_ID_LENGTH = 32
STRETCH = 200
_MARK = b'"activationId":"'


@dataclass(frozen=True)
class Level:
    """What was measured with so many in flight. Latencies in ms, as the load generator saw them."""

    in_flight: int
    activations: int
    seconds: float
    per_second: float
    answer_p50_ms: float
    answer_p99_ms: float
    free_p50_ms: float
    cpu_ms_each: float
    cpu_ms_least: float
    """CPU an activation in the quietest stretch of ``STRETCH``: others disturb that least."""


class Load:
    """Sends messages and pairs them with their acks.

    A blocking activation with logs has two: the result, which answers the caller, and the
    completion, which frees the place in the load balancer, and here begins the next activation.
    """

    def __init__(self, put: Callable[[str], None]) -> None:
        self._put = put
        self._sent_s: dict[bytes, float] = {}
        self._left = 0
        self._open = 0
        self._answers_s: list[float] = []
        self._frees_s: list[float] = []
        self._over = asyncio.Event()
        self._cpu_s: Callable[[], float] = lambda: 0.0
        self._stretches_s: list[float] = []

    def acked(self, ack: bytes) -> None:
        """An ack came."""
        now_s = time.perf_counter()
        begin = ack.find(_MARK) + len(_MARK)
        activation_id = ack[begin : begin + _ID_LENGTH]
        sent_s = self._sent_s.get(activation_id)
        if sent_s is None:
            return
        if b'"response":' in ack:
            self._answers_s.append(now_s - sent_s)
        if b'"instance":' not in ack:
            return
        del self._sent_s[activation_id]
        self._frees_s.append(now_s - sent_s)
        if len(self._frees_s) % STRETCH == 0:
            self._stretches_s.append(self._cpu_s())
        if self._left > 0:
            self._begin()
            return
        self._open -= 1
        if self._open == 0:
            self._over.set()

    async def run(
        self, in_flight: int, activations: int, cpu_s: Callable[[], float], limit_s: float
    ) -> Level:
        """Have ``activations`` run, ``in_flight`` at one time. Raises TimeoutError."""
        self._answers_s.clear()
        self._frees_s.clear()
        self._over.clear()
        self._left, self._open = activations, min(in_flight, activations)
        self._cpu_s = cpu_s
        cpu_before_s, began_s = cpu_s(), time.perf_counter()
        self._stretches_s = [cpu_before_s]
        for _ in range(self._open):
            self._begin()
        await asyncio.wait_for(self._over.wait(), limit_s)
        seconds = time.perf_counter() - began_s
        return Level(
            in_flight=in_flight,
            activations=activations,
            seconds=round(seconds, 3),
            per_second=round(activations / seconds, 1),
            answer_p50_ms=_ms(statistics.median(self._answers_s)),
            answer_p99_ms=_ms(_percentile(self._answers_s, 0.99)),
            free_p50_ms=_ms(statistics.median(self._frees_s)),
            cpu_ms_each=_ms((cpu_s() - cpu_before_s) / activations),
            cpu_ms_least=_ms(_least(self._stretches_s, cpu_s() - cpu_before_s) / STRETCH),
        )

    def _begin(self) -> None:
        self._left -= 1
        activation_id = uuid.uuid4().hex
        self._sent_s[activation_id.encode()] = time.perf_counter()
        self._put(activation_id)


def _least(marks_s: list[float], whole_s: float) -> float:
    """The shortest of the stretches between marks; the whole where there is none."""
    return min((end - begin for begin, end in pairwise(marks_s)), default=whole_s)


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
