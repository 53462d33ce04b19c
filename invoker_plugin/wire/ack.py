"""Acknowledgements to the controller, told apart by their fields only (behaviour 130).

``response`` and ``instance``: combined; ``instance`` alone: completion, which frees the slot;
``response`` alone: result, which answers a blocking caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from invoker_plugin.errors import MalformedMessage
from invoker_plugin.wire import fields, jsontext
from invoker_plugin.wire.instance import InvokerInstance
from invoker_plugin.wire.record import ActivationRecord
from invoker_plugin.wire.transid import TransactionId

Ack = dict[str, Any]


def result(record: ActivationRecord, transid: TransactionId) -> Ack:
    """Answer a blocking caller while the logs are still to be collected."""
    return {"response": record.to_json(), "transid": transid.to_json()}


def completion(
    activation_id: str, instance: InvokerInstance, is_system_error: bool, transid: TransactionId
) -> Ack:
    """Free the activation's slot in the load balancer."""
    return {
        "activationId": activation_id,
        "instance": instance.to_json(),
        "isSystemError": is_system_error,
        "transid": transid.to_json(),
    }


def combined(
    record: ActivationRecord,
    instance: InvokerInstance,
    transid: TransactionId,
    *,
    blocking: bool = True,
) -> Ack:
    """Answer and free the slot in one; a non-blocking one never carries the record (133)."""
    return {
        "instance": instance.to_json(),
        "isSystemError": record.response.is_whisk_error,
        "response": record.to_json() if blocking else record.activation_id,
        "transid": transid.to_json(),
    }


def shrink(ack: Ack) -> Ack:
    """Return ``ack`` with the activation's id in place of its record, for one that was too large.

    The controller then reads the record from the store (behaviour 134). A completion has no
    record and is returned as it is.
    """
    response = ack.get("response")
    if not isinstance(response, dict):
        return ack
    return {**ack, "response": response["activationId"]}


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An ack as a controller reads it.

    ``record`` is absent from a completion and from a shrunk ack. ``instance`` and
    ``is_system_error`` are ``None`` in a result, which frees no slot.
    """

    activation_id: str
    transid: TransactionId
    record: ActivationRecord | None
    instance: InvokerInstance | None
    is_system_error: bool | None

    @property
    def frees_slot(self) -> bool:
        """Whether the activation is over and its slot free."""
        return self.instance is not None


def parse(data: bytes) -> Acknowledgement:
    """Read an ack of any form; raise :class:`~invoker_plugin.errors.MalformedMessage`."""
    try:
        return _parse(fields.as_object(jsontext.decode(data), "the message"))
    except ValueError as fault:
        raise MalformedMessage(f"not an acknowledgement: {str(fault)[:200]}") from None


def _parse(message: dict[str, Any]) -> Acknowledgement:
    response = message.get("response")
    record = ActivationRecord.parse(response) if isinstance(response, dict) else None
    if record is not None:
        activation_id = record.activation_id
    elif response is not None:
        activation_id = fields.text(message, "response")
    else:
        activation_id = fields.text(message, "activationId")
    ends = "instance" in message
    return Acknowledgement(
        activation_id=activation_id,
        transid=TransactionId.parse(message.get("transid")),
        record=record,
        instance=InvokerInstance.parse(message["instance"]) if ends else None,
        is_system_error=fields.flag(message, "isSystemError") if ends else None,
    )
