"""The activation record: what is stored, and (without logs) what the ack carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from invoker_plugin.wire import fields
from invoker_plugin.wire.jsontext import Json
from invoker_plugin.wire.limits import ActionLimits
from invoker_plugin.wire.response import ActivationResponse

Annotations = tuple[tuple[str, Json], ...]


@dataclass(frozen=True, slots=True)
class ActivationRecord:
    """``namespace`` is the invoking user's. ``start_ms`` is moved back by the init time."""

    namespace: str
    name: str
    subject: str
    activation_id: str
    version: str
    start_ms: int
    end_ms: int
    duration_ms: int | None
    response: ActivationResponse
    logs: tuple[str, ...] = ()
    annotations: Annotations = ()
    cause: str | None = None
    publish: bool = False

    @classmethod
    def parse(cls, value: Any) -> ActivationRecord:
        """Read a record, stored or acked; raise :class:`~invoker_plugin.wire.fields.FieldFault`."""
        form = fields.as_object(value, "the record")
        return cls(
            namespace=fields.text(form, "namespace"),
            name=fields.text(form, "name"),
            subject=fields.text(form, "subject"),
            activation_id=fields.text(form, "activationId"),
            version=fields.text(form, "version"),
            start_ms=fields.integer(form, "start"),
            end_ms=fields.integer(form, "end"),
            duration_ms=fields.optional_integer(form, "duration"),
            response=ActivationResponse.parse(form.get("response")),
            logs=fields.texts(form, "logs"),
            annotations=_parse_annotations(fields.sequence(form, "annotations")),
            cause=fields.optional_text(form, "cause"),
            publish=fields.flag(form, "publish", False),
        )

    @property
    def document_id(self) -> str:
        """The record's id in the store."""
        return f"{self.namespace}/{self.activation_id}"

    def annotation(self, key: str) -> Json:
        """Return the annotation's value, ``None`` when there is none."""
        return next((value for name, value in self.annotations if name == key), None)

    def to_json(self) -> dict[str, Any]:
        """Return the ack's form: without the logs, which can be large and come later."""
        return self._form([])

    def to_document(self, updated_ms: int) -> dict[str, Any]:
        """Return the stored form."""
        form = self._form(list(self.logs))
        form["_id"] = self.document_id
        form["entityType"] = "activation"
        form["updated"] = updated_ms
        return form

    def _form(self, logs: list[str]) -> dict[str, Any]:
        form: dict[str, Any] = {
            "activationId": self.activation_id,
            "annotations": [{"key": key, "value": value} for key, value in self.annotations],
            "end": self.end_ms,
            "logs": logs,
            "name": self.name,
            "namespace": self.namespace,
            "publish": self.publish,
            "response": self.response.to_json(),
            "start": self.start_ms,
            "subject": self.subject,
            "version": self.version,
        }
        if self.duration_ms is not None:
            form["duration"] = self.duration_ms
        if self.cause is not None:
            form["cause"] = self.cause
        return form


def _parse_annotations(items: list[Any]) -> Annotations:
    pairs = [fields.as_object(item, "an annotation") for item in items]
    return tuple((fields.text(pair, "key"), pair.get("value")) for pair in pairs)


def annotations_of(
    *,
    path: str,
    wait_ms: int,
    kind: str,
    timed_out: bool,
    limits: ActionLimits,
    init_ms: int | None = None,
    caused_by_sequence: bool = False,
    binding: str | None = None,
    swift: Mapping[str, Any] | None = None,
) -> Annotations:
    """Build a record's annotations in the stock order, ours (``swift``) last.

    ``init_ms`` is ``None`` when ``/init`` did not run: its absence tells users that the start
    was warm. The order is that of the capture: a Scala hash map's, with causedBy and binding
    before path.
    """
    annotations: list[tuple[str, Json]] = []
    if caused_by_sequence:
        annotations.append(("causedBy", "sequence"))
    if binding is not None:
        annotations.append(("binding", binding))
    annotations += [
        ("path", path),
        ("waitTime", wait_ms),
        ("kind", kind),
        ("timeout", timed_out),
        ("limits", limits.to_json()),
    ]
    if init_ms is not None:
        annotations.append(("initTime", init_ms))
    if swift is not None:
        annotations.append(("swift", swift))
    return tuple(annotations)


def fallback_annotations(path: str, *, caused_by_sequence: bool = False) -> Annotations:
    """Build the annotations of an activation whose action was never resolved (behaviour 28)."""
    annotations: Annotations = (("path", path), ("kind", "unknown"))
    return (*annotations, ("causedBy", "sequence")) if caused_by_sequence else annotations
