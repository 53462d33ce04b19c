"""The list of blocked namespaces (behaviour 30)."""

from __future__ import annotations

import asyncio

from invoker_plugin.store.blocked import BlockedNamespaces
from invoker_plugin.store.couch import StoreFault
from tests.unit.store.fake import FakeStore, until


async def test_list_is_read_and_a_failure_keeps_it() -> None:
    fake = FakeStore()
    fake.rows = [{"key": "bad", "value": 1}, {"key": None}, 5]
    blocked = BlockedNamespaces(fake, "subjects", 300_000)
    assert "bad" not in blocked
    assert await blocked.refresh()
    assert "bad" in blocked
    assert len(blocked) == 1
    fake.faults = [StoreFault("away")]
    assert not await blocked.refresh()
    assert "bad" in blocked
    fake.rows = []
    assert await blocked.refresh()
    assert "bad" not in blocked


async def test_it_is_read_again_and_again() -> None:
    fake = FakeStore()
    running = asyncio.ensure_future(BlockedNamespaces(fake, "subjects", 1).run())
    await until(lambda: len(fake.requests) > 2)
    running.cancel()
    assert set(fake.requests) == {"view namespaceThrottlings/blockedNamespaces"}
