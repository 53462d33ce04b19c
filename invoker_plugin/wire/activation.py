"""The message by which a controller asks an invoker to run an action once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from invoker_plugin.errors import MalformedMessage
from invoker_plugin.wire import fields, jsontext
from invoker_plugin.wire.identity import Identity
from invoker_plugin.wire.jsontext import Json
from invoker_plugin.wire.reference import ActionReference
from invoker_plugin.wire.transid import TransactionId

__all__ = ["ActionReference", "ActivationMessage"]


@dataclass(frozen=True, slots=True)
class ActivationMessage:
    """One message of topic ``invokerN``.

    ``revision`` is ``None`` for health actions, which bypass the action cache. ``content`` is an
    object or an array, or ``None`` where the message has none. ``init_args`` names the parameters
    that go to the environment at ``/init``; ``locked_args`` maps a parameter to its cipher.
    """

    action: ActionReference
    revision: str | None
    transid: TransactionId
    user: Identity
    activation_id: str
    controller: str
    blocking: bool
    content: Json = None
    init_args: frozenset[str] = frozenset()
    locked_args: Mapping[str, str] | None = None
    cause: str | None = None
    trace_context: Mapping[str, str] | None = None

    @classmethod
    def parse(cls, data: bytes) -> ActivationMessage:
        """Read one message; raise :class:`~invoker_plugin.errors.MalformedMessage`."""
        try:
            return cls._parse(fields.as_object(jsontext.decode(data), "the message"))
        except ValueError as fault:
            # UnicodeDecodeError is a ValueError too; its text holds the bytes, so cut it short.
            raise MalformedMessage(f"not an activation message: {str(fault)[:200]}") from None

    @classmethod
    def _parse(cls, message: dict[str, Any]) -> ActivationMessage:
        content = message.get("content")
        if content is not None and type(content) not in (dict, list):
            raise fields.FieldFault("field 'content' is neither an object nor an array")
        locked = fields.mapping(message, "lockedArgs") if "lockedArgs" in message else {}
        context = message.get("traceContext")
        return cls(
            action=ActionReference.parse(message.get("action")),
            revision=fields.optional_text(message, "revision"),
            transid=TransactionId.parse(message.get("transid")),
            user=Identity.parse(message.get("user")),
            activation_id=fields.text(message, "activationId"),
            controller=fields.text(fields.mapping(message, "rootControllerIndex"), "asString"),
            blocking=fields.flag(message, "blocking"),
            content=content,
            init_args=frozenset(fields.texts(message, "initArgs")),
            locked_args=locked,
            cause=fields.optional_text(message, "cause"),
            trace_context=None if context is None else fields.mapping(message, "traceContext"),
        )

    @property
    def caused_by_sequence(self) -> bool:
        """Whether a sequence invoked the action, which the record's annotations tell."""
        return self.cause is not None

    def to_json(self) -> dict[str, Any]:
        """Return the wire's form, as a controller sends it."""
        message: dict[str, Any] = {
            "action": self.action.to_json(),
            "revision": self.revision,
            "transid": self.transid.to_json(),
            "user": self.user.to_json(),
            "activationId": self.activation_id,
            "rootControllerIndex": {"asString": self.controller, "instanceType": "controller"},
            "blocking": self.blocking,
            "initArgs": sorted(self.init_args),
            "lockedArgs": dict(self.locked_args or {}),
        }
        if self.content is not None:
            message["content"] = self.content
        if self.cause is not None:
            message["cause"] = self.cause
        if self.trace_context is not None:
            message["traceContext"] = dict(self.trace_context)
        return message
