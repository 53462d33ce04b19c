"""The user event of an activation, for metering; sent with the message that frees the slot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoker_plugin.wire.instance import InvokerInstance
from invoker_plugin.wire.jsontext import Json
from invoker_plugin.wire.record import ActivationRecord

_BAD_REQUEST = 400


def activation_event(
    record: ActivationRecord, instance: InvokerInstance, user_id: str, timestamp_ms: int
) -> dict[str, Any]:
    """Return the event for ``record``; ``user_id`` is the namespace's uuid. Times are in ms."""
    annotations = dict(record.annotations)
    limits = annotations.get("limits")
    body: dict[str, Any] = {
        "activationId": record.activation_id,
        "conductor": annotations.get("conductor") is True,
        "duration": record.duration_ms or 0,
        "initTime": annotations.get("initTime", 0),
        "kind": annotations["kind"],
        "memory": limits["memory"] if isinstance(limits, dict) else 0,
        "name": annotations["path"],
        "statusCode": record.response.status_code,
        "waitTime": annotations.get("waitTime", 0),
    }
    if "causedBy" in annotations:
        body["causedBy"] = annotations["causedBy"]
    if record.response.size is not None:
        body["size"] = record.response.size
    user_status = _user_defined_status(record.response.result)
    if user_status is not None:
        body["userDefinedStatusCode"] = user_status
    return {
        "body": body,
        "eventType": "Activation",
        "namespace": record.namespace,
        "source": instance.source,
        "subject": record.subject,
        "timestamp": timestamp_ms,
        "userId": user_id,
    }


def _user_defined_status(result: Json) -> int | None:
    """Return the ``statusCode`` that a web action put into its result (or its error), if any."""
    if not isinstance(result, Mapping):
        return None
    error = result.get("error")
    if isinstance(error, Mapping) and "statusCode" in error:
        status = error["statusCode"]
    elif "statusCode" in result:
        status = result["statusCode"]
    else:
        return None
    # OpenWhisk reports a status that is no number as a bad request.
    return status if type(status) is int else _BAD_REQUEST
