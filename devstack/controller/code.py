"""An action's ``exec``: from the request's form to the document's, and back.

In a document the code is a plain string (kinds whose manifest entry has no ``attached``), or a
reference ``{attachmentName, attachmentType, ...}``: ``mem:<base64>`` holds it inline with its
digest, ``couch:<uuid>`` names an attachment of the document.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import uuid
from dataclasses import dataclass
from typing import Any

from devstack.controller.faults import BadRequest, TooLarge
from devstack.controller.limits import Limits
from devstack.controller.runtimes import BLACKBOX, SEQUENCE, Runtimes

Json = Any
BINARY_TYPE = "application/octet-stream"
TEXT_TYPE = "text/plain; charset=UTF-8"
_BASE64 = re.compile(r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)")


@dataclass(frozen=True)
class Attachment:
    """Code too large for the document, to be stored beside it under ``name``."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Executable:
    """An ``exec`` as the document holds it, and the attachment that it refers to, if any."""

    document: dict[str, Json]
    attachment: Attachment | None = None

    @property
    def kind(self) -> str:
        """The resolved kind, never ``...:default``."""
        return str(self.document["kind"])


def parse(value: Json, runtimes: Runtimes, limits: Limits) -> Executable:
    """The ``exec`` of a request; raises :class:`BadRequest` or :class:`TooLarge`."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise BadRequest.malformed("exec: must be an object with a kind")
    if value["kind"] == SEQUENCE:
        return Executable(_sequence(value))
    if value["kind"] == BLACKBOX:
        return _blackbox(value, limits)
    return _managed(value, runtimes, limits)


def code_of(exec_document: dict[str, Json], attached: bytes | None) -> str | None:
    """The code as the API shows it: text, or base64 where it is binary; None where there is none.

    ``attached`` is the attachment's content where :func:`attachment_name` named one.
    """
    code = exec_document.get("code")
    if not isinstance(code, dict):
        return code
    name = str(code.get("attachmentName", ""))
    content = base64.b64decode(name[len("mem:") :]) if name.startswith("mem:") else attached
    if content is None:
        return None
    if exec_document.get("binary"):
        return base64.b64encode(content).decode("ascii")
    return content.decode("utf-8", errors="replace")


def attachment_name(exec_document: dict[str, Json]) -> str | None:
    """The attachment of the document that holds the code, if one does."""
    code = exec_document.get("code")
    name = str(code.get("attachmentName", "")) if isinstance(code, dict) else ""
    return name[len("couch:") :] if name.startswith("couch:") else None


def _managed(value: dict[str, Json], runtimes: Runtimes, limits: Limits) -> Executable:
    runtime = runtimes.resolve(value["kind"])
    code = value.get("code")
    if not isinstance(code, str):
        raise BadRequest.malformed(
            f"'code' must be a string defined in 'exec' for '{runtime.kind}'"
        )
    main = _main(value)
    if runtime.require_main and main is None:
        raise BadRequest.malformed(
            f"'main' must be a string defined in 'exec' for '{runtime.kind}'"
        )
    binary = _is_binary(value, code)
    document: dict[str, Json] = {"kind": runtime.kind, "binary": binary}
    if main is not None:
        document["main"] = main
    content = _content(code, binary, limits)
    if runtime.attachment_type is None:
        return Executable({**document, "code": code})
    return _attach(document, content, limits)


def _blackbox(value: dict[str, Json], limits: Limits) -> Executable:
    image, code = value.get("image"), value.get("code")
    if not isinstance(image, str) or not image:
        raise BadRequest.malformed("'image' must be a string defined in 'exec' for 'blackbox'")
    if code is not None and not isinstance(code, str):
        raise BadRequest.malformed("'code' must be a string defined in 'exec' for 'blackbox'")
    binary = code is not None and _is_binary(value, code)
    document: dict[str, Json] = {"kind": BLACKBOX, "image": image, "binary": binary}
    main = _main(value)
    if main is not None:
        document["main"] = main
    if not code or not code.strip():
        return Executable(document)
    return _attach(document, _content(code, binary, limits), limits)


def _sequence(value: dict[str, Json]) -> dict[str, Json]:
    components = value.get("components")
    if not isinstance(components, list) or not all(isinstance(item, str) for item in components):
        raise BadRequest.malformed("'components' must be a list of action names for 'sequence'")
    if not components:
        raise BadRequest("No component specified for the sequence.")
    return {"kind": SEQUENCE, "components": components}


def _main(value: dict[str, Json]) -> str | None:
    main = value.get("main")
    if main is not None and not isinstance(main, str):
        raise BadRequest.malformed("'main' must be a string defined in 'exec'")
    return main or None


def _is_binary(value: dict[str, Json], code: str) -> bool:
    """What the request says; where it is silent (the npm client) base64 is taken for binary."""
    said = value.get("binary")
    if isinstance(said, bool):
        return said
    text = code.strip()
    return bool(text) and _BASE64.fullmatch(text) is not None


def _content(code: str, binary: bool, limits: Limits) -> bytes:
    if binary:
        try:
            content = base64.b64decode(code, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadRequest.malformed(f"exec: binary code is not base64: {error}") from error
    else:
        content = code.encode("utf-8")
    if len(content) > limits.code_bytes:
        raise TooLarge("Action code", len(content), limits.code_bytes)
    return content


def _attach(document: dict[str, Json], content: bytes, limits: Limits) -> Executable:
    content_type = BINARY_TYPE if document["binary"] else TEXT_TYPE
    if len(content) <= limits.inline_code_bytes:
        reference = {
            "attachmentName": "mem:" + base64.b64encode(content).decode("ascii"),
            "attachmentType": content_type,
            "digest": "sha256-" + hashlib.sha256(content).hexdigest(),
            "length": len(content),
        }
        return Executable({**document, "code": reference})
    name = str(uuid.uuid4())
    reference = {"attachmentName": f"couch:{name}", "attachmentType": content_type}
    return Executable({**document, "code": reference}, Attachment(name, content_type, content))
