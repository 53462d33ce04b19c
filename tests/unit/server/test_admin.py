"""Admin endpoints, against what the stock invoker answered in the capture."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp

from invoker_plugin.health.pinger import Pinger
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


async def _serve() -> tuple[AdminServer, Pinger, Sent]:
    sent = Sent()
    pinger = Pinger(sent, "health", INSTANCE, [])
    server = AdminServer(pinger, "operator", "secret", lambda: {"phase": "up"})
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
