"""Admin endpoints, against what the stock invoker answered in the capture."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from invoker_plugin.health.pinger import Pinger
from invoker_plugin.invoker.drain import Drain
from invoker_plugin.server.admin import AdminServer
from invoker_plugin.wire.instance import InvokerInstance

INSTANCE = InvokerInstance(0, "invoker0", None, 2048 * 1024 * 1024)
LOGIN = aiohttp.BasicAuth("operator", "secret")


class Sent:
    def __init__(self) -> None:
        self.pings: list[dict[str, Any]] = []

    async def send(self, topic: str, value: bytes) -> None:
        assert topic == "health"
        self.pings.append(json.loads(value))


async def _serve(drain: Drain | None = None) -> tuple[AdminServer, Pinger, Sent]:
    sent = Sent()
    pinger = Pinger(sent, "health", INSTANCE, [])
    drain = drain or Drain(60)
    server = AdminServer(pinger, drain, "operator", "secret", lambda: {"phase": "up"})
    await server.start("127.0.0.1", 0)
    return server, pinger, sent


async def _ask(server: AdminServer, method: str, path: str, auth: Any = LOGIN) -> tuple[int, str]:
    url = f"http://127.0.0.1:{server.port}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, auth=auth) as got:
        return got.status, await got.text()


def test_disable_and_enable_say_what_they_did_and_repeats_are_harmless() -> None:
    async def scenario() -> None:
        server, _, sent = await _serve()
        assert await _ask(server, "GET", "/isEnabled") == (200, '{"enabled": true}')
        disabled = (200, "invoker0/invoker0 is now disabled.")
        assert await _ask(server, "POST", "/disable") == disabled
        again = (200, "invoker0/invoker0 is already disabled.")
        assert await _ask(server, "POST", "/disable") == again
        assert await _ask(server, "GET", "/isEnabled") == (200, '{"enabled": false}')
        assert [ping["isEnabled"] for ping in sent.pings] == [False], "one goodbye, no more"
        enabled = (200, "invoker0/invoker0 is now enabled.")
        assert await _ask(server, "POST", "/enable") == enabled
        await server.stop()

    asyncio.run(scenario())


def test_wrong_or_missing_credentials_change_nothing() -> None:
    async def scenario() -> None:
        server, pinger, sent = await _serve()
        for login in (None, aiohttp.BasicAuth("operator", "wrong")):
            status, text = await _ask(server, "POST", "/disable", login)
            assert status == 401
            assert "Authentication is possible" in json.loads(text)["error"]
        assert pinger.enabled
        assert sent.pings == []
        assert await _ask(server, "GET", "/ping", None) == (200, "pong")
        await server.stop()

    asyncio.run(scenario())


def test_drain_is_asked_for_once_and_its_limit_may_be_changed() -> None:
    async def scenario() -> None:
        drain = Drain(60)
        server, _, _ = await _serve(drain)
        assert (await _ask(server, "POST", "/drain", None))[0] == 401
        assert drain.asked_by is None
        assert await _ask(server, "POST", "/drain") == (202, "invoker0/invoker0 is now draining.")
        assert 0 < drain.left_s <= 60
        again = await _ask(server, "POST", "/drain?limit_s=0")
        assert again == (202, "invoker0/invoker0 is already draining.")
        assert drain.left_s == 0
        refused = await _ask(server, "POST", "/enable")
        assert refused[0] == 409, "who drains takes nothing more, so it must not ping"
        await server.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize("limit", ["soon", "-1", "inf", "nan"])
def test_drain_refuses_a_limit_that_is_none(limit: str) -> None:
    async def scenario() -> None:
        drain = Drain(60)
        server, _, _ = await _serve(drain)
        status, text = await _ask(server, "POST", f"/drain?limit_s={limit}")
        assert (status, text) == (400, "limit_s: give seconds, 0 or more")
        assert drain.asked_by is None
        await server.stop()

    asyncio.run(scenario())
