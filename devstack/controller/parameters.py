"""Parameters and annotations: lists of ``{key, value}`` in documents, merged when invoked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from devstack.controller.faults import BadRequest

Json = Any
Pairs = list[dict[str, Json]]


def parse(value: Json, name: str) -> Pairs:
    """A request's ``parameters`` or ``annotations``, the last of equal keys winning."""
    if not isinstance(value, list):
        raise BadRequest.malformed(f"{name}: must be a list of {{key, value}} objects")
    pairs: dict[str, dict[str, Json]] = {}
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("key"), str) or not item["key"]:
            raise BadRequest.malformed(f"{name}: every entry needs a key")
        pair = {"key": item["key"], "value": item.get("value")}
        if item.get("init") is True:
            pair["init"] = True
        pairs[item["key"]] = pair
    return list(pairs.values())


def merge(*lists: Iterable[dict[str, Json]]) -> Pairs:
    """One list in which later ``lists`` replace the entries of earlier ones, in their places."""
    merged: dict[str, dict[str, Json]] = {}
    for pairs in lists:
        for pair in pairs:
            merged[pair["key"]] = pair
    return list(merged.values())


def find(pairs: Iterable[dict[str, Json]], key: str) -> Json:
    """The value of ``key``, None when there is none."""
    return next((pair.get("value") for pair in pairs if pair["key"] == key), None)


@dataclass(frozen=True)
class Arguments:
    """What an activation is given: content, and how some of its parameters are to be treated."""

    content: Json
    init_names: list[str]
    locked: dict[str, str]


def arguments(parameters: Pairs, annotations: Pairs, payload: Json) -> Arguments:
    """Merge the invocation's ``payload`` over the action's ``parameters``.

    ``final`` actions refuse to have their defined parameters overridden. An array payload is passed
    as it is, as OpenWhisk does: there is nothing to merge it with.
    """
    init_names = [pair["key"] for pair in parameters if pair.get("init") is True]
    if isinstance(payload, list):
        return Arguments(payload, init_names, {})
    fixed = {pair["key"] for pair in parameters if pair.get("value") is not None}
    if find(annotations, "final") is True and fixed & payload.keys():
        raise BadRequest(
            "Request defines parameters that are not allowed (e.g., reserved properties)."
        )
    content = {pair["key"]: pair.get("value") for pair in parameters}
    content.update(payload)
    locked = {
        pair["key"]: pair["encryption"]
        for pair in parameters
        if pair.get("encryption") and pair["key"] not in payload
    }
    return Arguments(content, init_names, locked)
