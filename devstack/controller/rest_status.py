"""What needs no key: the API's description, ``/ping``, and the invokers' states."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from devstack.controller import NOTICE, rest
from devstack.controller.identity import Authenticator
from devstack.controller.invocations import Invocations
from devstack.controller.limits import Limits
from devstack.controller.runtimes import Runtimes
from devstack.controller.supervision import State, Supervision

Json = Any
_MEBIBYTE = 1024 * 1024


class StatusRoutes:
    """Handlers about the controller itself."""

    def __init__(
        self,
        authenticator: Authenticator,
        supervision: Supervision,
        invocations: Invocations,
        runtimes: Runtimes,
        limits: Limits,
    ) -> None:
        self._authenticator = authenticator
        self._supervision = supervision
        self._invocations = invocations
        self._runtimes = runtimes
        self._limits = limits

    def add_to(self, router: web.UrlDispatcher, base: str) -> None:
        """Add the routes; those of the server itself are not below ``base``."""
        router.add_get("/", self.describe)
        for path in (base, base + "/"):
            router.add_get(path, self.describe_api)
        router.add_get(base + "/namespaces", self.namespaces)
        router.add_get(base + "/namespaces/", self.namespaces)
        for kind in ("triggers", "rules"):
            router.add_get(base + "/namespaces/{namespace}/" + kind, self.nothing)
        router.add_get("/ping", self.ping)
        router.add_get("/invokers", self.invokers)
        router.add_get("/invokers/healthy/count", self.healthy_count)
        router.add_get("/invokers/ready", self.ready)

    async def describe(self, _request: web.Request) -> web.Response:
        """The server: that it is for development, its runtimes and limits."""
        limits = self._limits
        return rest.answer(
            {
                "description": "OpenWhisk",
                "notice": NOTICE,
                "support": {"github": "see the swift-invoker project's README"},
                "api_paths": ["/api/v1"],
                "runtimes": self._runtimes.describe(),
                "limits": {
                    "min_action_duration": limits.timeout_min_ms,
                    "max_action_duration": limits.timeout_max_ms,
                    "min_action_memory": limits.memory_min_mb * _MEBIBYTE,
                    "max_action_memory": limits.memory_max_mb * _MEBIBYTE,
                    "min_action_logs": limits.logs_min_mb * _MEBIBYTE,
                    "max_action_logs": limits.logs_max_mb * _MEBIBYTE,
                },
                "in_flight": self._invocations.in_flight,
            }
        )

    async def describe_api(self, _request: web.Request) -> web.Response:
        """Version 1 of the API, as ``wsk property get`` asks for it."""
        return rest.answer(
            {
                "description": "OpenWhisk API",
                "notice": NOTICE,
                "api_version": "1.0.0",
                "api_version_path": "v1",
                "build": "development",
                "buildno": "development",
            }
        )

    async def namespaces(self, request: web.Request) -> web.Response:
        """The namespace of the key."""
        identity = await rest.identify(request, self._authenticator)
        return rest.answer([identity.namespace])

    async def nothing(self, request: web.Request) -> web.Response:
        """Triggers and rules: clients list them beside actions; here there are none."""
        identity = await rest.identify(request, self._authenticator)
        rest.own_namespace(request, identity)
        return rest.answer([])

    async def ping(self, _request: web.Request) -> web.Response:
        """``pong``: it serves."""
        return web.Response(text="pong")

    async def invokers(self, _request: web.Request) -> web.Response:
        """Every known invoker's state."""
        return rest.answer(dict(self._supervision.states()))

    async def healthy_count(self, _request: web.Request) -> web.Response:
        """How many may be given work."""
        return rest.answer(len(self._supervision.healthy()))

    async def ready(self, _request: web.Request) -> web.Response:
        """200 when an invoker is up, else 500."""
        states = list(self._supervision.states().values())
        unwell = sum(state != State.UP.value for state in states)
        if unwell == len(states):
            return rest.answer({"unhealthy": f"{unwell}/{len(states)}"}, 500)
        return rest.answer({"healthy": f"{len(states) - unwell}/{len(states)}"})
