"""How an invoker names itself to controllers: in pings, acks and events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from invoker_plugin.wire import fields


@dataclass(frozen=True, slots=True)
class InvokerInstance:
    """``instance`` is the number of the invoker and of its topic."""

    instance: int
    displayed_name: str | None
    unique_name: str | None
    user_memory_bytes: int
    tags: tuple[str, ...] = ()
    dedicated_namespaces: tuple[str, ...] = ()

    @classmethod
    def parse(cls, value: Any) -> InvokerInstance:
        """Read the wire's form; raise :class:`~invoker_plugin.wire.fields.FieldFault`."""
        name = fields.as_object(value, "the invoker's name")
        amount, _, unit = fields.text(name, "userMemory").partition(" ")
        if unit != "B" or not amount.isdigit():
            raise fields.FieldFault("field 'userMemory' is not a number of bytes ('1024 B')")
        return cls(
            instance=fields.integer(name, "instance"),
            displayed_name=fields.optional_text(name, "displayedName"),
            unique_name=fields.optional_text(name, "uniqueName"),
            user_memory_bytes=int(amount),
            tags=fields.texts(name, "tags"),
            dedicated_namespaces=fields.texts(name, "dedicatedNamespaces"),
        )

    @property
    def source(self) -> str:
        """The name under which user events are sent, and of the invoker's topic."""
        return f"invoker{self.instance}"

    def to_json(self) -> dict[str, Any]:
        """Return the wire's form."""
        form: dict[str, Any] = {
            "instance": self.instance,
            "instanceType": "invoker",
            "userMemory": f"{self.user_memory_bytes} B",
            "tags": list(self.tags),
            "dedicatedNamespaces": list(self.dedicated_namespaces),
        }
        if self.unique_name is not None:
            form["uniqueName"] = self.unique_name
        if self.displayed_name is not None:
            form["displayedName"] = self.displayed_name
        return form
