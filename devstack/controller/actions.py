"""Action documents: made from a request, changed by an update, shown by the API. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from devstack.controller import code, parameters
from devstack.controller.code import Attachment, Executable
from devstack.controller.faults import BadRequest
from devstack.controller.limits import Limits, action_limits
from devstack.controller.names import ActionName, parse_action
from devstack.controller.runtimes import SEQUENCE, Runtimes

Json = Any
Document = dict[str, Json]
PROVIDE_API_KEY = "provide-api-key"
_COMPONENTS = "_actions"
_VERSION = re.compile(r"\A\d+\.\d+\.\d+\Z")
_INTERNAL = frozenset({"_id", "_rev", "_attachments", "entityType"})


@dataclass(frozen=True)
class WrittenAction:
    """A document to store, and the attachment to store with it, if any."""

    document: Document
    attachment: Attachment | None


@dataclass(frozen=True)
class ActionForge:
    """Makes action documents by this deployment's runtimes and limits."""

    runtimes: Runtimes
    limits: Limits

    def create(self, name: ActionName, body: Json, now_ms: int) -> WrittenAction:
        """The document of a new action."""
        body = _object(body)
        if body.get("exec") is None:
            raise BadRequest("exec undefined")
        executable = self._executable(body["exec"], name)
        annotations = parameters.parse(body.get("annotations") or [], "annotations")
        if parameters.find(annotations, PROVIDE_API_KEY) is None:
            annotations.append({"key": PROVIDE_API_KEY, "value": False})
        given = parameters.parse(body.get("parameters") or [], "parameters")
        document = {
            "_id": name.document_id,
            "annotations": _with_kind(annotations, executable.kind),
            "entityType": "action",
            "exec": executable.document,
            "limits": action_limits(self.limits, body.get("limits"), None),
            "name": name.name,
            "namespace": name.path,
            "parameters": _with_components(given, executable.document),
            "publish": bool(body.get("publish", False)),
            "updated": now_ms,
            "version": _version(body, "0.0.1"),
        }
        return WrittenAction(document, executable.attachment)

    def update(self, name: ActionName, body: Json, old: Document, now_ms: int) -> WrittenAction:
        """The document ``old`` with what ``body`` names changed, and the patch version raised."""
        body = _object(body)
        executable = (
            Executable(old["exec"])
            if body.get("exec") is None
            else self._executable(body["exec"], name)
        )
        annotations = old.get("annotations", [])
        removed = body.get("delAnnotations") or []
        annotations = [pair for pair in annotations if pair["key"] not in removed]
        if body.get("annotations") is not None:
            added = parameters.parse(body["annotations"], "annotations")
            annotations = parameters.merge(annotations, added)
        given = (
            parameters.parse(body["parameters"], "parameters")
            if body.get("parameters") is not None
            else old.get("parameters", [])
        )
        document = {
            **{key: value for key, value in old.items() if key != "_attachments"},
            "annotations": _with_kind(annotations, executable.kind),
            "exec": executable.document,
            "limits": action_limits(self.limits, body.get("limits"), old.get("limits", {})),
            "parameters": _with_components(given, executable.document),
            "publish": bool(body.get("publish", old.get("publish", False))),
            "updated": now_ms,
            "version": _version(body, _raise_patch(old["version"])),
        }
        if body.get("exec") is None and "_attachments" in old:
            document["_attachments"] = old["_attachments"]  # else CouchDB would drop the code
        return WrittenAction(document, executable.attachment)

    def _executable(self, value: Json, name: ActionName) -> Executable:
        executable = code.parse(value, self.runtimes, self.limits)
        if executable.kind != SEQUENCE:
            return executable
        components = [
            "/" + parse_action(item, name.namespace).document_id
            for item in executable.document["components"]
        ]
        return Executable({**executable.document, "components": components})


def health_action(controller_id: str, runtimes: Runtimes, now_ms: int) -> Document | None:
    """The action that a new invoker must run; None where the manifest has no Node.js."""
    runtime = runtimes.default("nodejs")
    if runtime is None:
        return None
    name = f"invokerHealthTestAction{controller_id}"
    return {
        "_id": f"whisk.system/{name}",
        "annotations": [],
        "entityType": "action",
        "exec": {
            "kind": runtime.kind,
            "code": "function main(params) { return params; }",
            "binary": False,
        },
        "limits": {"concurrency": 1, "logs": 10, "memory": 128, "timeout": 60000},
        "name": name,
        "namespace": "whisk.system",
        "parameters": [],
        "publish": False,
        "updated": now_ms,
        "version": "0.0.1",
    }


def shown(document: Document, code_text: str | None, inherited: list[Document]) -> Document:
    """The action as the API answers it; ``inherited`` are its package's parameters."""
    public = {key: value for key, value in document.items() if key not in _INTERNAL}
    execution = {key: value for key, value in public["exec"].items() if key != "code"}
    if code_text is not None:
        execution["code"] = code_text
    public["exec"] = execution
    public["parameters"] = parameters.merge(inherited, public["parameters"])
    return public


def _object(body: Json) -> Document:
    if not isinstance(body, dict):
        raise BadRequest.malformed("the body must be a JSON object")
    return body


def _with_kind(annotations: list[Document], kind: str) -> list[Document]:
    return parameters.merge(annotations, [{"key": "exec", "value": kind}])


def _with_components(given: list[Document], execution: Document) -> list[Document]:
    """A sequence tells its components to itself as a parameter; nothing else has that parameter."""
    own = [pair for pair in given if pair["key"] != _COMPONENTS]
    if execution["kind"] != SEQUENCE:
        return own
    return [*own, {"key": _COMPONENTS, "value": execution["components"]}]


def _version(body: Document, otherwise: str) -> str:
    version = body.get("version")
    if version is None:
        return otherwise
    if not isinstance(version, str) or not _VERSION.match(version):
        raise BadRequest.malformed(f"version: must be like 1.2.3, not {version!r}")
    return version


def _raise_patch(version: str) -> str:
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"
