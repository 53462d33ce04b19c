"""Admin endpoints: OpenWhisk's own (behaviours 145, 146), and ``/state`` and ``/drain``."""

from __future__ import annotations

import base64
import hmac
import json
import ssl
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from invoker_plugin.health.pinger import Pinger
from invoker_plugin.invoker.drain import Drain
from invoker_plugin.metrics.metrics import CONTENT_TYPE

UNAUTHORISED = "Authentication is possible but has failed or not yet been provided."

ASKED_BY_REQUEST = "POST /drain"


@dataclass(frozen=True)
class Scrape:
    """What ``GET /metrics`` answers, and whether it asks for user and password."""

    text: Callable[[], Awaitable[bytes]]
    login: bool = False


class AdminServer:
    """``/ping`` for all, and ``/metrics`` unless told else; the others need user and password.

    Without a configured password (there is no default) they are refused.
    """

    def __init__(
        self,
        pinger: Pinger,
        drain: Drain,
        username: str,
        password: str | None,
        state: Callable[[], dict[str, Any]],
        metrics: Scrape | None = None,
    ) -> None:
        self._pinger = pinger
        self._drain = drain
        self._expected: bytes | None = None
        if password is not None:
            self._expected = b"Basic " + base64.b64encode(f"{username}:{password}".encode())
        self._state = state
        self._metrics = metrics
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen on ``host``; ``port`` 0 takes a free one, told by ``self.port``."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/ping", self._pong),
                web.get("/isEnabled", self._is_enabled),
                web.post("/enable", self._enable),
                web.post("/disable", self._disable),
                web.post("/drain", self._begin_drain),
                web.get("/state", self._tell_state),
            ]
        )
        if self._metrics is not None:
            application.add_routes([web.get("/metrics", self._tell_metrics)])
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=tls).start()
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
        if self._drain.asked_by is not None:
            text = f"{self._pinger.name} is draining: start it again to enable it."
            return web.Response(status=409, text=text)
        changed = not self._pinger.enabled
        await self._pinger.enable()
        return self._told("enabled", changed)

    async def _disable(self, request: web.Request) -> web.Response:
        self._authorise(request)
        changed = self._pinger.enabled
        await self._pinger.disable()
        return self._told("disabled", changed)

    async def _begin_drain(self, request: web.Request) -> web.Response:
        """Have the invoker end; ``limit_s`` may say how long what runs may take."""
        self._authorise(request)
        limit_s = None
        if "limit_s" in request.query:
            limit_s = _seconds(request.query["limit_s"])
            if limit_s is None:
                return web.Response(status=400, text="limit_s: give seconds, 0 or more")
        return self._told("draining", self._drain.ask(ASKED_BY_REQUEST, limit_s), status=202)

    async def _tell_state(self, request: web.Request) -> web.Response:
        self._authorise(request)
        return web.json_response(self._state())

    async def _tell_metrics(self, request: web.Request) -> web.Response:
        assert self._metrics is not None
        if self._metrics.login:
            self._authorise(request)
        return web.Response(body=await self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    def _told(self, what: str, changed: bool, status: int = 200) -> web.Response:
        when = "now" if changed else "already"
        return web.Response(status=status, text=f"{self._pinger.name} is {when} {what}.")

    def _authorise(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").encode()
        if self._expected is None or not hmac.compare_digest(given, self._expected):
            raise web.HTTPUnauthorized(
                text=json.dumps({"code": uuid.uuid4().hex, "error": UNAUTHORISED}),
                content_type="application/json",
                headers={"WWW-Authenticate": 'Basic realm="swift-invoker"'},
            )


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
