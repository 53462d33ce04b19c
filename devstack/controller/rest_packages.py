"""``/namespaces/{ns}/packages``: create, bind, get, list, delete."""

from __future__ import annotations

from aiohttp import web

from devstack.controller import packages, rest
from devstack.controller.entities import Entities
from devstack.controller.faults import BadRequest, Conflict, Forbidden, NotFound
from devstack.controller.identity import Authenticator
from devstack.controller.names import check

_OTHER_COLLECTION = "Resource by this name exists but is not in this collection."


class PackageRoutes:
    """Handlers for package documents."""

    def __init__(self, authenticator: Authenticator, entities: Entities) -> None:
        self._authenticator = authenticator
        self._entities = entities

    def add_to(self, router: web.UrlDispatcher, base: str) -> None:
        """Add the routes below ``base``."""
        collection = base + "/namespaces/{namespace}/packages"
        router.add_get(collection, self.browse)
        router.add_get(collection + "/", self.browse)
        router.add_put(collection + "/{name}", self.put)
        router.add_get(collection + "/{name}", self.get)
        router.add_delete(collection + "/{name}", self.delete)

    async def browse(self, request: web.Request) -> web.Response:
        """Summaries, newest first; with ``count=true`` only how many there are."""
        identity = await rest.identify(request, self._authenticator)
        namespace = rest.namespace_of(request, identity)
        # Of another's namespace one sees the public packages, as with OpenWhisk.
        view = "packages" if namespace == identity.namespace else "packages-public"
        skip, limit = rest.page(request, "packages")
        if rest.flag(request, "count"):
            found = await self._entities.count(view, namespace)
            return rest.answer({"packages": max(0, found - skip)})
        return rest.answer(await self._entities.rows(view, namespace, skip, limit))

    async def put(self, request: web.Request) -> web.Response:
        """Create or bind, or with ``overwrite=true`` update."""
        identity = await rest.identify(request, self._authenticator)
        namespace = rest.own_namespace(request, identity)
        name = check(request.match_info["name"])
        body = await rest.body_of(request)
        old = await self._entities.find(f"{namespace}/{name}")
        if old is not None and "binding" not in old:
            raise Conflict(_OTHER_COLLECTION)
        if old is not None and not rest.flag(request, "overwrite"):
            raise Conflict("resource already exists")
        now_ms = rest.now_ms()
        document = (
            packages.create(namespace, name, body, now_ms)
            if old is None
            else packages.update(old, body, now_ms)
        )
        await self._check_binding(packages.bound_to(document), identity.namespace)
        stored = await self._entities.save(document)
        return rest.answer(packages.shown(stored, [], []))

    async def get(self, request: web.Request) -> web.Response:
        """The package with its actions; a binding shows those of the package that it stands for."""
        identity = await rest.identify(request, self._authenticator)
        namespace = rest.namespace_of(request, identity)
        document = await self._entities.package(f"{namespace}/{check(request.match_info['name'])}")
        if namespace != identity.namespace and not document["publish"]:
            raise Forbidden
        path, inherited = document["_id"], []
        target = packages.bound_to(document)
        if target is not None:
            path = target
            inherited = (await self._entities.package(target))["parameters"]
        found = await self._entities.rows("actions", path, 0, rest.LIST_MAXIMUM)
        return rest.answer(packages.shown(document, inherited, found))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an empty package, or with ``force=true`` its actions too."""
        identity = await rest.identify(request, self._authenticator)
        namespace = rest.own_namespace(request, identity)
        document = await self._entities.find(f"{namespace}/{check(request.match_info['name'])}")
        if document is None:
            raise NotFound
        if "binding" not in document:
            raise Conflict(_OTHER_COLLECTION)
        if packages.bound_to(document) is None:
            await self._empty(document["_id"], rest.flag(request, "force"))
        await self._entities.delete(document)
        return rest.answer(packages.shown(document, [], []))

    async def _empty(self, path: str, force: bool) -> None:
        rows = await self._entities.rows("actions", path, 0, rest.LIST_MAXIMUM)
        if rows and not force:
            plural = "entity" if len(rows) == 1 else "entities"
            raise Conflict(f"Package not empty (contains {len(rows)} {plural}). Set force param")
        for row in rows:
            action = await self._entities.find(f"{path}/{row['name']}")
            if action is not None:
                await self._entities.delete(action)

    async def _check_binding(self, target: str | None, own_namespace: str) -> None:
        if target is None:
            return
        try:
            package = await self._entities.package(target)
        except NotFound as error:
            raise BadRequest("Binding references a package that does not exist.") from error
        if packages.bound_to(package) is not None:
            raise BadRequest("Cannot bind to another package binding.")
        if package["namespace"] != own_namespace and not package["publish"]:
            raise Forbidden
