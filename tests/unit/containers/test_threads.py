"""Blocking calls in a bounded number of threads."""

from __future__ import annotations

import asyncio
import threading

import pytest

from invoker_plugin.containers.threads import Threads


def test_results_and_errors_come_back() -> None:
    async def flow() -> None:
        threads = Threads(2, "t")
        assert await threads.run(lambda: 3) == 3
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        threads.close()

    asyncio.run(flow())


def test_no_more_threads_than_allowed_and_none_for_nothing() -> None:
    async def flow() -> None:
        threads = Threads(3, "bounded")
        gate = threading.Event()
        seen: set[str] = set()

        def work() -> None:
            seen.add(threading.current_thread().name)
            gate.wait(10)

        calls = [threads.run(work) for _ in range(9)]
        gate.set()
        await asyncio.gather(*calls)
        assert len(seen) <= 3
        threads.close()

    asyncio.run(flow())


def test_call_whose_waiter_is_gone_harms_nothing() -> None:
    async def flow() -> None:
        threads = Threads(1, "t")
        gate = threading.Event()
        abandoned = threads.run(lambda: gate.wait(10))
        abandoned.cancel()
        gate.set()
        assert await threads.run(lambda: "next") == "next"
        threads.close()

    asyncio.run(flow())
