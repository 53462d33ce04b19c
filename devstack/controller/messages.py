"""What goes to an invoker, in the form that OpenWhisk's controller sends. Pure."""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.controller.identity import Identity, system_identity
from devstack.controller.parameters import Arguments

Json = Any
HEALTH_TRANSACTION = "sid_invokerHealth"
_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Transaction:
    """A request's id and start; within a sequence it has the sequence's as parent."""

    identifier: str
    start_ms: int
    parent: Transaction | None = None

    def to_json(self) -> list[Json]:
        """``[id, start]`` or ``[id, start, parent]``."""
        own = [self.identifier, self.start_ms]
        return own if self.parent is None else [*own, self.parent.to_json()]


def new_transaction(now_ms: int, parent: Transaction | None = None) -> Transaction:
    """A transaction with an id of 32 letters and digits, as OpenWhisk makes them."""
    return Transaction("".join(secrets.choice(_LETTERS) for _ in range(32)), now_ms, parent)


def new_activation_id() -> str:
    """32 hexadecimal digits."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Invocation:
    """One activation to be: of which action document, for whom, with what."""

    action: Mapping[str, Json]
    identity: Identity
    arguments: Arguments
    transaction: Transaction
    activation_id: str
    blocking: bool
    binding: str | None = None
    """``namespace/package`` by which the user reached the action, where that is a binding."""
    cause: str | None = None
    """The activation of the sequence that this is a component of."""

    def message(self, controller_id: str) -> dict[str, Json]:
        """The ActivationMessage."""
        reference = {
            "name": self.action["name"],
            "path": self.action["namespace"],
            "version": self.action["version"],
        }
        if self.binding is not None:
            reference["binding"] = self.binding
        message = {
            "action": reference,
            "activationId": self.activation_id,
            "blocking": self.blocking,
            "content": self.arguments.content,
            "initArgs": self.arguments.init_names,
            "lockedArgs": self.arguments.locked,
            "revision": self.action["_rev"],
            "rootControllerIndex": _controller(controller_id),
            "transid": self.transaction.to_json(),
            "user": self.identity.to_json(),
        }
        if self.cause is not None:
            message["cause"] = self.cause
        return message


def health_message(controller_id: str, now_ms: int) -> dict[str, Json]:
    """The test activation for a new or unhealthy invoker: no content, no revision, random key."""
    return {
        "action": {
            "name": f"invokerHealthTestAction{controller_id}",
            "path": "whisk.system",
            "version": "0.0.1",
        },
        "activationId": new_activation_id(),
        "blocking": False,
        "initArgs": [],
        "lockedArgs": {},
        "revision": None,
        "rootControllerIndex": _controller(controller_id),
        "transid": [HEALTH_TRANSACTION, now_ms],
        "user": system_identity().to_json(),
    }


def _controller(controller_id: str) -> dict[str, str]:
    return {"asString": controller_id, "instanceType": "controller"}
