"""An action's document, as the store holds it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from invoker_plugin.errors import MalformedDocument
from invoker_plugin.wire import fields
from invoker_plugin.wire.jsontext import Json
from invoker_plugin.wire.limits import ActionLimits

BLACKBOX = "blackbox"
SEQUENCE = "sequence"
_INLINE = "mem:"
_DOCUMENT = "couch:"


@dataclass(frozen=True, slots=True)
class AttachmentReference:
    """Where the code's bytes are: inline (``mem:<base64>``) or a document attachment."""

    name: str
    content_type: str
    digest: str | None = None
    length: int | None = None

    @property
    def inline(self) -> bytes | None:
        """The bytes of an inline attachment; ``None`` for one that must be fetched."""
        if not self.name.startswith(_INLINE):
            return None
        try:
            return base64.b64decode(self.name[len(_INLINE) :], validate=True)
        except binascii.Error as fault:
            raise MalformedDocument(f"inline code is not base64: {fault}") from None

    @property
    def document_attachment(self) -> str:
        """The name under which the document holds the attachment."""
        if not self.name.startswith(_DOCUMENT):
            raise MalformedDocument(f"code is in an attachment of an unknown kind: {self.name:.80}")
        return self.name[len(_DOCUMENT) :]


@dataclass(frozen=True, slots=True)
class Execution:
    """How an action runs. ``code`` is what ``/init`` is sent: text, or base64 when ``binary``."""

    kind: str
    image: str | None = None
    code: str | None = None
    attachment: AttachmentReference | None = None
    binary: bool = False
    main: str | None = None

    @property
    def blackbox(self) -> bool:
        """Whether the action brings its own image."""
        return self.kind == BLACKBOX

    @property
    def executable(self) -> bool:
        """Whether an invoker can run it; a sequence is the controller's (behaviour 27)."""
        return self.kind != SEQUENCE

    @property
    def entry_point(self) -> str:
        """The name that ``/init`` is told."""
        return self.main or "main"

    def with_code(self, data: bytes) -> Execution:
        """Return this with the attachment's bytes as ``code``."""
        try:
            code = base64.b64encode(data).decode() if self.binary else data.decode()
        except UnicodeDecodeError:
            raise MalformedDocument("code of an action that is not binary is not UTF-8") from None
        return replace(self, code=code, attachment=None)


@dataclass(frozen=True, slots=True)
class Action:
    """What the store knows of an action. ``revision`` is its document's ``_rev``."""

    namespace: str
    name: str
    version: str
    revision: str | None
    execution: Execution
    limits: ActionLimits
    annotations: Mapping[str, Json]
    parameters: Mapping[str, Json]

    @classmethod
    def parse(cls, document: Any) -> Action:
        """Read a document; raise :class:`~invoker_plugin.errors.MalformedDocument`."""
        try:
            return cls._parse(fields.as_object(document, "the document"))
        except fields.FieldFault as fault:
            identifier = document.get("_id") if isinstance(document, dict) else None
            raise MalformedDocument(f"action document {identifier!r}: {fault}") from None

    @classmethod
    def _parse(cls, document: dict[str, Any]) -> Action:
        if document.get("entityType", "action") != "action":
            raise fields.FieldFault(f"it is a {document['entityType']}, not an action")
        return cls(
            namespace=fields.text(document, "namespace"),
            name=fields.text(document, "name"),
            version=fields.text(document, "version"),
            revision=fields.optional_text(document, "_rev"),
            execution=_parse_execution(fields.mapping(document, "exec")),
            limits=ActionLimits.parse(document.get("limits")),
            annotations=_parse_pairs(document, "annotations"),
            parameters=_parse_pairs(document, "parameters"),
        )

    def with_execution(self, execution: Execution) -> Action:
        """Return this with another execution, such as one whose code was fetched."""
        return replace(self, execution=execution)

    @property
    def fully_qualified(self) -> str:
        """``namespace/name``, or ``namespace/package/name``: the record's ``path``."""
        return f"{self.namespace}/{self.name}"

    @property
    def provides_api_key(self) -> bool:
        """Whether ``/run`` gets the caller's key; so it is unless the annotation says no (103)."""
        return self.annotations.get("provide-api-key") is not False


def _parse_execution(execution: dict[str, Any]) -> Execution:
    code = execution.get("code")
    text, attachment = None, None
    if isinstance(code, str):
        text = code
    elif code is not None:
        attachment = _parse_attachment(fields.as_object(code, "field 'exec.code'"))
    return Execution(
        kind=fields.text(execution, "kind"),
        image=fields.optional_text(execution, "image"),
        code=text,
        attachment=attachment,
        binary=fields.flag(execution, "binary", False),
        main=fields.optional_text(execution, "main"),
    )


def _parse_attachment(code: dict[str, Any]) -> AttachmentReference:
    return AttachmentReference(
        name=fields.text(code, "attachmentName"),
        content_type=fields.text(code, "attachmentType"),
        digest=fields.optional_text(code, "digest"),
        length=fields.optional_integer(code, "length"),
    )


def _parse_pairs(document: dict[str, Any], key: str) -> dict[str, Json]:
    pairs: dict[str, Json] = {}
    for item in document.get(key) or ():
        pair = fields.as_object(item, f"an entry of '{key}'")
        pairs[fields.text(pair, "key")] = pair.get("value")
    return pairs
