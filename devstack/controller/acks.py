"""Acknowledgements from the topic ``completed<controller>``, told apart by their fields alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Any


class MalformedAck(Exception):
    """Bytes that are no acknowledgement; the text is one line."""


@dataclass(frozen=True)
class Ack:
    """One acknowledgement: a result, a completion, or both (behaviour 130)."""

    activation_id: str
    transaction_id: str
    record: Mapping[str, Json] | None
    """The record without logs; None where the ack carries none or only its id (too large)."""
    carries_result: bool
    invoker: int | None
    """The invoker whose slot this frees; None for a mere result."""
    system_error: bool = False

    @property
    def completes(self) -> bool:
        """True when it frees the activation's slot."""
        return self.invoker is not None


def parse(value: bytes) -> Ack:
    """Read an ack; raises :class:`MalformedAck`."""
    try:
        message = json.loads(value)
        return _ack(message)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise MalformedAck(f"{type(error).__name__}: {error} in {value[:200]!r}") from error


def _ack(message: Mapping[str, Json]) -> Ack:
    response = message.get("response")
    instance = message.get("instance")
    if response is None and instance is None:
        raise KeyError("neither response nor instance")
    if isinstance(response, str):
        record, activation_id = None, response
    elif response is not None:
        int(response["response"]["statusCode"])  # what whoever waits for it will read
        record, activation_id = response, response["activationId"]
    else:
        record, activation_id = None, message["activationId"]
    return Ack(
        activation_id=activation_id,
        transaction_id=message["transid"][0],
        record=record,
        carries_result=response is not None,
        invoker=None if instance is None else int(instance["instance"]),
        system_error=bool(message.get("isSystemError", False)),
    )
