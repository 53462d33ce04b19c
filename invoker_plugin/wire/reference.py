"""Which action is meant: path, name and version, and the binding it was called through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from invoker_plugin.wire import fields


@dataclass(frozen=True, slots=True)
class ActionReference:
    """``path`` is the namespace, or ``namespace/package`` for an action in a package."""

    path: str
    name: str
    version: str | None = None
    binding: str | None = None

    @classmethod
    def parse(cls, value: Any) -> ActionReference:
        """Read the message's ``action``; raise :class:`~invoker_plugin.wire.fields.FieldFault`."""
        action = fields.as_object(value, "field 'action'")
        return cls(
            path=fields.text(action, "path"),
            name=fields.text(action, "name"),
            version=fields.optional_text(action, "version"),
            binding=fields.optional_text(action, "binding"),
        )

    @property
    def fully_qualified(self) -> str:
        """``namespace/name`` or ``namespace/package/name``: the document's id in the store."""
        return f"{self.path}/{self.name}"

    @property
    def namespace(self) -> str:
        """The namespace the action lives in (not that of the user who invokes it)."""
        return self.path.partition("/")[0]

    def to_json(self) -> dict[str, Any]:
        """Return the wire's form."""
        form = {"path": self.path, "name": self.name}
        if self.version is not None:
            form["version"] = self.version
        if self.binding is not None:
            form["binding"] = self.binding
        return form
