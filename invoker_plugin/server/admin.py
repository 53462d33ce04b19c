"""Admin endpoints, as OpenWhisk's (behaviours 145, 146), and ``GET /state``."""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import web

from invoker_plugin.health.pinger import Pinger

UNAUTHORISED = "Authentication is possible but has failed or not yet been provided."


class AdminServer:
    """``/ping`` for all; the others need the configured user and password.

    Without a configured password (there is no default) they are refused.
    """

    def __init__(
        self,
        pinger: Pinger,
        username: str,
        password: str | None,
        state: Callable[[], dict[str, Any]],
    ) -> None:
        self._pinger = pinger
        self._expected: bytes | None = None
        if password is not None:
            self._expected = b"Basic " + base64.b64encode(f"{username}:{password}".encode())
        self._state = state
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen on ``host``; ``port`` 0 takes a free one, told by ``self.port``."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/ping", self._pong),
                web.get("/isEnabled", self._is_enabled),
                web.post("/enable", self._enable),
                web.post("/disable", self._disable),
                web.get("/state", self._tell_state),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _pong(self, _: web.Request) -> web.Response:
        return web.Response(text="pong")

    async def _is_enabled(self, request: web.Request) -> web.Response:
        self._authorise(request)
        return web.json_response({"enabled": self._pinger.enabled})

    async def _enable(self, request: web.Request) -> web.Response:
        self._authorise(request)
        changed = not self._pinger.enabled
        await self._pinger.enable()
        return self._told("enabled", changed)

    async def _disable(self, request: web.Request) -> web.Response:
        self._authorise(request)
        changed = self._pinger.enabled
        await self._pinger.disable()
        return self._told("disabled", changed)

    async def _tell_state(self, request: web.Request) -> web.Response:
        self._authorise(request)
        return web.json_response(self._state())

    def _told(self, what: str, changed: bool) -> web.Response:
        when = "now" if changed else "already"
        return web.Response(text=f"{self._pinger.name} is {when} {what}.")

    def _authorise(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").encode()
        if self._expected is None or not hmac.compare_digest(given, self._expected):
            raise web.HTTPUnauthorized(
                text=json.dumps({"code": uuid.uuid4().hex, "error": UNAUTHORISED}),
                content_type="application/json",
                headers={"WWW-Authenticate": 'Basic realm="swift-invoker"'},
            )
