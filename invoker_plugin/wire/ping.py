"""The health ping: sent each second, it tells every controller that the invoker lives."""

from __future__ import annotations

from typing import Any

from invoker_plugin.wire import fields, jsontext
from invoker_plugin.wire.instance import InvokerInstance


def ping(instance: InvokerInstance, enabled: bool) -> dict[str, Any]:
    """Return a ping; with ``enabled`` false the controllers take the invoker offline at once."""
    return {"isEnabled": enabled, "name": instance.to_json()}


def parse_ping(data: bytes) -> tuple[InvokerInstance, bool]:
    """Read a ping; raise ``ValueError``. One without ``isEnabled`` (older invokers) is enabled."""
    message = fields.as_object(jsontext.decode(data), "the ping")
    return InvokerInstance.parse(message.get("name")), fields.flag(message, "isEnabled", True)
