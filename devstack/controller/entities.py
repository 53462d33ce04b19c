"""Actions and packages: read through a short cache, written, found through bindings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devstack.controller import code, packages, parameters
from devstack.controller.actions import WrittenAction
from devstack.controller.faults import Conflict, Forbidden, NotFound
from devstack.controller.identity import Identity
from devstack.controller.names import ActionName
from devstack.controller.store import Store

Json = Any
Document = dict[str, Json]
_KEPT_SECONDS = 5.0
_NEWEST = "\ufff0"


@dataclass(frozen=True)
class Resolved:
    """An action as it is to be invoked: its document, all its parameters, the binding used."""

    action: Document
    parameters: list[Document]
    binding: str | None = None


class Entities:
    """The ``whisks`` database. A document changed behind our back is noticed after 5 s."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._kept: dict[str, tuple[float, Document]] = {}

    async def action(self, identifier: str) -> Document:
        """The action's document; raises :class:`NotFound`, or :class:`Conflict` for a package."""
        return await self._typed(identifier, "exec")

    async def package(self, identifier: str) -> Document:
        """The package's document; raises :class:`NotFound`, or :class:`Conflict` for an action."""
        return await self._typed(identifier, "binding")

    async def find(self, identifier: str) -> Document | None:
        """Whatever is stored under ``identifier``, None when nothing is. Not from the cache."""
        return await self._store.get(self._store.whisks, identifier)

    async def resolve(self, name: ActionName, identity: Identity) -> Resolved:
        """Follow packages and bindings from the name that the user wrote to the action."""
        if name.package_id is None:
            _permit(identity, name.namespace, None)
            action = await self.action(name.document_id)
            return Resolved(action, action["parameters"])
        package = await self.package(name.package_id)
        _permit(identity, name.namespace, package)
        inherited = package["parameters"]
        target = packages.bound_to(package)
        path = name.path
        if target is not None:
            bound = await self.package(target)
            _permit(identity, bound["namespace"], bound)
            inherited = parameters.merge(bound["parameters"], inherited)
            path = target
        action = await self.action(f"{path}/{name.name}")
        merged = parameters.merge(inherited, action["parameters"])
        return Resolved(action, merged, None if target is None else name.path)

    async def code(self, document: Document) -> str | None:
        """The action's code as the API shows it."""
        attached = code.attachment_name(document["exec"])
        content = None
        if attached is not None:
            content = await self._store.attachment(self._store.whisks, document["_id"], attached)
        return code.code_of(document["exec"], content)

    async def save_action(self, written: WrittenAction) -> Document:
        """Store the document, then the attachment, as OpenWhisk does."""
        self._kept.pop(written.document["_id"], None)
        document = await self._store.put(self._store.whisks, written.document)
        if written.attachment is not None:
            database = self._store.whisks
            document = await self._store.put_attachment(database, document, written.attachment)
        self._keep(document)
        return document

    async def save(self, document: Document) -> Document:
        """Store a package's document."""
        self._kept.pop(document["_id"], None)
        document = await self._store.put(self._store.whisks, document)
        self._keep(document)
        return document

    async def delete(self, document: Document) -> None:
        """Delete a document at its revision."""
        self._kept.pop(document["_id"], None)
        await self._store.delete(self._store.whisks, document)

    async def rows(self, view: str, path: str, skip: int, limit: int) -> list[Document]:
        """The view's values for everything under ``path``, newest first."""
        found = await self._store.view(
            self._store.whisks,
            f"whisks.v2.1.0/{view}",
            {**_range(path), "reduce": False, "skip": skip, "limit": limit},
        )
        return [row["value"] for row in found]

    async def count(self, view: str, path: str) -> int:
        """How many the view has under ``path``."""
        found = await self._store.view(
            self._store.whisks, f"whisks.v2.1.0/{view}", {**_range(path), "reduce": True}
        )
        return int(found[0]["value"]) if found else 0

    async def _typed(self, identifier: str, distinguishing: str) -> Document:
        expiry, document = self._kept.get(identifier, (0.0, None))
        if document is None or self._clock() >= expiry:
            document = await self._store.get(self._store.whisks, identifier)
            if document is None:
                self._kept.pop(identifier, None)
                raise NotFound
            self._keep(document)
        if distinguishing not in document:
            raise Conflict("Resource by this name exists but is not in this collection.")
        return document

    def _keep(self, document: Document) -> None:
        self._kept[document["_id"]] = (self._clock() + _KEPT_SECONDS, document)


def _permit(identity: Identity, namespace: str, package: Document | None) -> None:
    """Another's namespace is closed, but for public packages."""
    if namespace != identity.namespace and not (package is not None and package["publish"]):
        raise Forbidden


def _range(path: str) -> Document:
    return {"descending": True, "startkey": [path, _NEWEST], "endkey": [path, 0]}
