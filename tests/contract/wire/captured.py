"""The captured wire data, as the tests read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from invoker_plugin.wire.record import ActivationRecord

_DATA = Path(__file__).parents[1] / "data" / "wire"


def lines(name: str) -> list[dict[str, Any]]:
    """Return the JSON lines of one captured file."""
    with (_DATA / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def messages(topic: str) -> list[Any]:
    """Return the values of every captured message of ``topic``."""
    return [line["value"] for line in lines("kafka.jsonl") if line["topic"] == topic]


def labelled(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the documents of one captured file by id."""
    documents = [line.get("doc", line) for line in lines(name)]
    return [(document["_id"], document) for document in documents]


def stored_record(activation_id: str) -> ActivationRecord:
    """Return the captured record of one activation, as it was stored."""
    (document,) = [
        document
        for _, document in labelled("activations.jsonl")
        if document["activationId"] == activation_id
    ]
    return ActivationRecord.parse(document)


def json_value(value: Any) -> Any:
    """Return ``value`` as it is after a journey over the wire."""
    return json.loads(json.dumps(value))
