"""The thread that a Kafka client's polls and calls share."""

from __future__ import annotations

import asyncio
import threading

import pytest

from invoker_plugin.bus.interface import Message
from invoker_plugin.bus.polling import LONGEST_SLICE_S, PollingThread

SLICE_S = 0.01


class Clock:
    """Goes only when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def test_slices_grow_with_the_quiet_and_a_call_makes_them_short_again() -> None:
    clock = Clock()
    thread = PollingThread("test", SLICE_S, clock)
    seen = []
    for quiet_s in (0.0, 0.2, 0.8, 1.0, 3600.0):
        clock.now_s += quiet_s
        seen.append(thread.slice_s())
    assert seen == pytest.approx([SLICE_S, SLICE_S, 0.05, LONGEST_SLICE_S, LONGEST_SLICE_S])
    await thread.call(lambda: None)
    assert thread.slice_s() == SLICE_S
    thread.stop()


async def test_a_message_makes_slices_short_again() -> None:
    clock = Clock()
    thread = PollingThread("test", SLICE_S, clock)
    asked: list[float] = []

    def poll(_count: int, seconds: float) -> list[Message]:
        asked.append(seconds)
        return [Message(0, 0, b"x")]

    clock.now_s += 60
    assert len(await thread.poll(poll, 1, 30.0)) == 1
    assert len(await thread.poll(poll, 1, 30.0)) == 1
    assert asked == [LONGEST_SLICE_S, SLICE_S]
    thread.stop()


async def test_a_call_comes_between_two_slices_of_a_long_poll() -> None:
    thread = PollingThread("test", SLICE_S)
    began, enough = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def poll(_count: int, seconds: float) -> list[Message]:
        loop.call_soon_threadsafe(began.set)
        return [Message(0, 0, b"x")] if enough.wait(seconds) else []

    polling = asyncio.ensure_future(thread.poll(poll, 1, 60.0))
    await began.wait()
    assert await asyncio.wait_for(thread.call(lambda: "done"), 30) == "done"
    assert not polling.done()
    enough.set()
    assert len(await polling) == 1
    thread.stop()
