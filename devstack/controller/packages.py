"""Package documents: made, updated, shown. A binding is a package that stands for another. Pure."""

from __future__ import annotations

from typing import Any

from devstack.controller import parameters
from devstack.controller.faults import BadRequest
from devstack.controller.names import DEFAULT_NAMESPACE, check

Json = Any
Document = dict[str, Json]


def create(namespace: str, name: str, body: Json, now_ms: int) -> Document:
    """The document of a new package or binding."""
    body = _object(body)
    binding = _binding(body.get("binding"), namespace)
    annotations = parameters.parse(body.get("annotations") or [], "annotations")
    return {
        "_id": f"{namespace}/{name}",
        "annotations": _with_binding(annotations, binding),
        "binding": binding,
        "entityType": "package",
        "name": name,
        "namespace": namespace,
        "parameters": parameters.parse(body.get("parameters") or [], "parameters"),
        "publish": bool(body.get("publish", False)),
        "updated": now_ms,
        "version": body.get("version") or "0.0.1",
    }


def update(old: Document, body: Json, now_ms: int) -> Document:
    """``old`` with what ``body`` names changed, and the patch version raised."""
    body = _object(body)
    binding = _binding(body.get("binding"), old["namespace"]) or old["binding"]
    if binding and not old["binding"]:
        raise BadRequest("Resource is a package and cannot be converted into a binding.")
    annotations, given = old["annotations"], old["parameters"]
    if body.get("annotations") is not None:
        annotations = parameters.parse(body["annotations"], "annotations")
    if body.get("parameters") is not None:
        given = parameters.parse(body["parameters"], "parameters")
    major, minor, patch = old["version"].split(".")
    return {
        **old,
        "annotations": _with_binding(annotations, binding),
        "binding": binding,
        "parameters": given,
        "publish": bool(body.get("publish", old["publish"])),
        "updated": now_ms,
        "version": body.get("version") or f"{major}.{minor}.{int(patch) + 1}",
    }


def shown(document: Document, inherited: list[Document], actions: list[Document]) -> Document:
    """The package as the API answers it, with a line for each of its ``actions``."""
    hidden = {"_id", "_rev", "entityType"}
    public = {key: value for key, value in document.items() if key not in hidden}
    public["parameters"] = parameters.merge(inherited, public["parameters"])
    public["actions"] = [
        {key: action[key] for key in ("annotations", "name", "version")} for action in actions
    ]
    public["feeds"] = []
    return public


def bound_to(document: Document) -> str | None:
    """The ``_id`` of the package that this binding stands for; None for a package proper."""
    binding = document["binding"]
    return f"{binding['namespace']}/{binding['name']}" if binding else None


def _binding(value: Json, own_namespace: str) -> Document:
    if value is None or value == {}:
        return {}
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise BadRequest.malformed("binding: must be an object with a namespace and a name")
    namespace = value.get("namespace") or DEFAULT_NAMESPACE
    if namespace == DEFAULT_NAMESPACE:
        namespace = own_namespace
    return {"namespace": check(str(namespace)), "name": check(value["name"])}


def _with_binding(annotations: list[Document], binding: Document) -> list[Document]:
    if not binding:
        return annotations
    return parameters.merge(annotations, [{"key": "binding", "value": binding}])


def _object(body: Json) -> Document:
    if not isinstance(body, dict):
        raise BadRequest.malformed("the body must be a JSON object")
    return body
