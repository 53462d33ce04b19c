"""Names of entities: which are allowed, and where they are found."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devstack.controller.faults import BadRequest

_NAME = re.compile(r"\A([\w]|[\w][\w@ .-]{0,254}[\w@.-])\Z")
DEFAULT_NAMESPACE = "_"


@dataclass(frozen=True)
class ActionName:
    """A namespace, a package or None, and a name in it."""

    namespace: str
    package: str | None
    name: str

    @property
    def path(self) -> str:
        """What documents call ``namespace``: with the package where there is one."""
        return self.namespace if self.package is None else f"{self.namespace}/{self.package}"

    @property
    def document_id(self) -> str:
        """The ``_id`` of the action's document."""
        return f"{self.path}/{self.name}"

    @property
    def package_id(self) -> str | None:
        """The ``_id`` of the package's document, None for an action in no package."""
        return None if self.package is None else f"{self.namespace}/{self.package}"


def check(name: str, what: str = "name") -> str:
    """``name`` if OpenWhisk allows it for an entity; raises :class:`BadRequest`."""
    if not _NAME.match(name):
        raise BadRequest.malformed(f"{what} [{name}] is not allowed")
    return name


def parse_action(path: str, own_namespace: str) -> ActionName:
    """``/ns/name``, ``/ns/pkg/name``, ``pkg/name`` or ``name`` (as sequences name components)."""
    parts = path.strip("/").split("/")
    if path.startswith("/") or len(parts) == 3:
        namespace, parts = parts[0], parts[1:]
    else:
        namespace = own_namespace
    if namespace == DEFAULT_NAMESPACE:
        namespace = own_namespace
    if not 1 <= len(parts) <= 2:
        raise BadRequest.malformed(f"[{path}] is not the name of an action")
    for part in parts:
        check(part)
    return ActionName(namespace, parts[0] if len(parts) == 2 else None, parts[-1])
