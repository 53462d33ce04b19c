"""``/namespaces/{ns}/activations``: list, get, result, logs."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from devstack.controller import records, rest
from devstack.controller.faults import BadRequest, NotFound
from devstack.controller.identity import Authenticator
from devstack.controller.store import Store

Json = Any
Document = dict[str, Json]
_NEWEST = "\ufff0"
_ACTIVATION_ID = re.compile(r"\A[0-9a-f]{32}\Z")
_BY_NAMESPACE = "whisks.v2.1.0/activations"
_BY_ACTION = "whisks-filters.v2.1.1/activations"


class ActivationRoutes:
    """Handlers for the records that the invokers wrote."""

    def __init__(self, authenticator: Authenticator, store: Store) -> None:
        self._authenticator = authenticator
        self._store = store

    def add_to(self, router: web.UrlDispatcher, base: str) -> None:
        """Add the routes below ``base``."""
        collection = base + "/namespaces/{namespace}/activations"
        router.add_get(collection, self.browse)
        router.add_get(collection + "/", self.browse)
        router.add_get(collection + "/{activation}", self.get)
        router.add_get(collection + "/{activation}/result", self.result)
        router.add_get(collection + "/{activation}/logs", self.logs)

    async def browse(self, request: web.Request) -> web.Response:
        """Newest first, of one action (``name``) or all, within ``since`` and ``upto`` (ms)."""
        identity = await rest.identify(request, self._authenticator)
        path = rest.own_namespace(request, identity)
        name = request.query.get("name")
        view = _BY_NAMESPACE if not name else _BY_ACTION
        skip, limit = rest.page(request, "activations")
        since, upto = rest.number(request, "since", 0), rest.number(request, "upto", 0)
        whole = path if not name else f"{path}/{_filter(name)}"
        query = {
            "descending": True,
            "startkey": [whole, upto or _NEWEST],
            "endkey": [whole, since],
        }
        if rest.flag(request, "count"):
            rows = await self._view(view, {**query, "reduce": True})
            found = int(rows[0]["value"]) if rows else 0
            return rest.answer({"activations": max(0, found - skip)})
        docs = rest.flag(request, "docs")
        query.update(reduce=False, skip=skip, limit=limit, include_docs=docs)
        rows = await self._view(view, query)
        if docs:
            return rest.answer([records.shown(row["doc"]) for row in rows if row.get("doc")])
        return rest.answer([records.summary(row["value"]) for row in rows])

    async def get(self, request: web.Request) -> web.Response:
        """The whole record."""
        return rest.answer(records.shown(await self._record(request)))

    async def result(self, request: web.Request) -> web.Response:
        """The response part of the record."""
        return rest.answer(records.shown_response(await self._record(request)))

    async def logs(self, request: web.Request) -> web.Response:
        """The log lines."""
        return rest.answer({"logs": (await self._record(request)).get("logs", [])})

    async def _record(self, request: web.Request) -> Document:
        identity = await rest.identify(request, self._authenticator)
        namespace = rest.own_namespace(request, identity)
        activation = request.match_info["activation"]
        if not _ACTIVATION_ID.match(activation):
            raise BadRequest.malformed(f"'{activation}' is not an activation id (32 hex digits)")
        record = await self._store.get(self._store.activations, f"{namespace}/{activation}")
        if record is None:
            raise NotFound
        return record

    async def _view(self, view: str, query: Document) -> list[Document]:
        return await self._store.view(self._store.activations, view, query)


def _filter(name: str) -> str:
    """``name`` or ``package/name``, as the view has it; clients may write the namespace before."""
    parts = name.strip("/").split("/")
    if len(parts) > 3 or not all(parts):
        raise BadRequest.malformed(f"'name' must be an action's name, not '{name}'")
    return "/".join(parts[-2:] if not name.startswith("/") else parts[1:])
