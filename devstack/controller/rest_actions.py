"""``/namespaces/{ns}/actions``: create, update, get, list, delete."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from devstack.controller import actions, packages, rest
from devstack.controller.actions import ActionForge
from devstack.controller.entities import Entities
from devstack.controller.faults import BadRequest, Conflict, NotFound
from devstack.controller.identity import Authenticator
from devstack.controller.names import ActionName, check
from devstack.controller.runtimes import SEQUENCE

Json = Any


class ActionRoutes:
    """Handlers for action documents."""

    def __init__(
        self, authenticator: Authenticator, entities: Entities, forge: ActionForge
    ) -> None:
        self._authenticator = authenticator
        self._entities = entities
        self._forge = forge

    def add_to(self, router: web.UrlDispatcher, base: str) -> None:
        """Add the routes below ``base``."""
        collection = base + "/namespaces/{namespace}/actions"
        router.add_get(collection, self.browse)
        router.add_get(collection + "/", self.browse)
        router.add_get(collection + "/{package}/", self.browse)
        for path in ("/{name}", "/{package}/{name}"):
            router.add_put(collection + path, self.put)
            router.add_get(collection + path, self.get)
            router.add_delete(collection + path, self.delete)

    async def browse(self, request: web.Request) -> web.Response:
        """Summaries, newest first; with ``count=true`` only how many there are."""
        identity = await rest.identify(request, self._authenticator)
        path = rest.own_namespace(request, identity)
        if "package" in request.match_info:
            path = f"{path}/{check(request.match_info['package'])}"
            package = await self._entities.package(path)
            path = packages.bound_to(package) or path
        skip, limit = rest.page(request, "actions")
        if rest.flag(request, "count"):
            found = await self._entities.count("actions", path)
            return rest.answer({"actions": max(0, found - skip)})
        return rest.answer(await self._entities.rows("actions", path, skip, limit))

    async def put(self, request: web.Request) -> web.Response:
        """Create, or with ``overwrite=true`` update."""
        identity = await rest.identify(request, self._authenticator)
        rest.own_namespace(request, identity)
        name = action_name(request, identity.namespace)
        body = await rest.body_of(request)
        if name.package_id is not None:
            package = await self._entities.package(name.package_id)
            if packages.bound_to(package) is not None:
                raise BadRequest("Cannot create or update an action in a binding.")
        old = await self._entities.find(name.document_id)
        if old is not None and "exec" not in old:
            raise Conflict("Resource by this name exists but is not in this collection.")
        if old is not None and not rest.flag(request, "overwrite"):
            raise Conflict("resource already exists")
        now_ms = rest.now_ms()
        written = (
            self._forge.create(name, body, now_ms)
            if old is None
            else self._forge.update(name, body, old, now_ms)
        )
        stored = await self._entities.save_action(written)
        given = body.get("exec") or {}
        return rest.answer(actions.shown(stored, given.get("code"), []))

    async def get(self, request: web.Request) -> web.Response:
        """The action with its package's parameters; ``code=false`` leaves the code out."""
        identity = await rest.identify(request, self._authenticator)
        namespace = rest.namespace_of(request, identity)
        resolved = await self._entities.resolve(action_name(request, namespace), identity)
        code = None
        if rest.flag(request, "code", True) and resolved.action["exec"]["kind"] != SEQUENCE:
            code = await self._entities.code(resolved.action)
        return rest.answer(actions.shown(resolved.action, code, resolved.parameters))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete; answers what was deleted."""
        identity = await rest.identify(request, self._authenticator)
        rest.own_namespace(request, identity)
        name = action_name(request, identity.namespace)
        document = await self._entities.find(name.document_id)
        if document is None:
            raise NotFound
        if "exec" not in document:
            raise Conflict("Resource by this name exists but is not in this collection.")
        await self._entities.delete(document)
        return rest.answer(actions.shown(document, None, []))


def action_name(request: web.Request, namespace: str) -> ActionName:
    """The name in the path; raises :class:`BadRequest` for one that is not allowed."""
    package = request.match_info.get("package")
    return ActionName(
        check(namespace, "namespace"),
        None if package is None else check(package),
        check(request.match_info["name"]),
    )
