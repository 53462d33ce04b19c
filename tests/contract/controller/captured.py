"""What a stock OpenWhisk controller wrote, sent and answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Document = dict[str, Any]
_DATA = Path(__file__).parents[1] / "data"
_UUID = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502"
KEY = f"{_UUID}:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
"""The guest's, made for the capture."""


def lines(path: str) -> list[Document]:
    """The JSON lines of a file below ``tests/contract/data``."""
    with (_DATA / path).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def stored() -> dict[str, Document]:
    """Actions and packages as stored at the capture's end, by id."""
    return {document["_id"]: document for document in lines("wire/actions.jsonl")}


def written() -> list[Document]:
    """``{revision, document}`` of some documents as they were put."""
    return lines("controller/written.jsonl")


def sent(topic: str) -> list[Document]:
    """``{case, value}`` of every message of a topic."""
    return [line for line in lines("wire/kafka.jsonl") if line["topic"] == topic]


def answered() -> list[Document]:
    """``{case, name, body}`` of activation records as the REST API gave them."""
    return lines("controller/rest.jsonl")


def records() -> dict[str, Document]:
    """Activation records as stored, by activation id."""
    documents = [line["doc"] for line in lines("wire/activations.jsonl")]
    return {document["activationId"]: document for document in documents}


def json_bytes(value: Any) -> bytes:
    """``value`` as it travels over Kafka."""
    return json.dumps(value).encode()
