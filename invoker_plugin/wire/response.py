"""An activation's outcome as the user sees it: status code, result, size (behaviours 109-111)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from invoker_plugin.wire import fields, jsontext, texts
from invoker_plugin.wire.jsontext import Json

SUCCESS = 0
APPLICATION_ERROR = 1
DEVELOPER_ERROR = 2
WHISK_ERROR = 3


@dataclass(frozen=True, slots=True)
class ActivationResponse:
    """``size`` is the length of what the container answered; ``None`` when it gave nothing."""

    status_code: int
    result: Json = None
    size: int | None = None

    @classmethod
    def parse(cls, value: Any) -> ActivationResponse:
        """Read a record's ``response``; raise :class:`~invoker_plugin.wire.fields.FieldFault`."""
        form = fields.as_object(value, "field 'response'")
        return cls(
            status_code=fields.integer(form, "statusCode"),
            result=form.get("result"),
            size=fields.optional_integer(form, "size"),
        )

    @classmethod
    def success(cls, result: Json = None, size: int | None = None) -> ActivationResponse:
        """The action ran and produced ``result``."""
        return cls(SUCCESS, result, size)

    @classmethod
    def application_error(cls, error: Json, size: int | None = None) -> ActivationResponse:
        """The action ran and says itself that it failed, or the request is at fault."""
        return cls(APPLICATION_ERROR, {"error": error}, size)

    @classmethod
    def developer_error(cls, error: Json, size: int | None = None) -> ActivationResponse:
        """The action or its image is at fault."""
        return cls(DEVELOPER_ERROR, {"error": error}, size)

    @classmethod
    def whisk_error(cls, error: Json, size: int | None = None) -> ActivationResponse:
        """The system is at fault; this counts against the invoker's health."""
        return cls(WHISK_ERROR, {"error": error}, size)

    @classmethod
    def from_run(
        cls, status: int | None, body: bytes, size: int, limit_bytes: int
    ) -> ActivationResponse:
        """Interpret what ``/run`` answered.

        ``status`` is ``None`` when no answer came; ``body`` may be cut, ``size`` is its real
        length in bytes; ``limit_bytes`` is the most a result may have.
        """
        if status is None or not body:
            return cls.developer_error(texts.ABNORMAL_RUN)
        if size > limit_bytes:
            return cls._truncated(APPLICATION_ERROR, body, size, limit_bytes)
        text = body.decode(errors="replace")
        length = _utf16_length(text)
        value = _parse(text)
        if isinstance(value, dict) and "error" in value:
            code = APPLICATION_ERROR if status == 200 else DEVELOPER_ERROR
            return cls(code, {"error": value["error"]}, length)
        if status == 200 and isinstance(value, (dict, list)):
            return cls(SUCCESS, value, length)
        return cls.developer_error(texts.invalid_run_response(text), length)

    @classmethod
    def from_init(
        cls, status: int | None, body: bytes, size: int, limit_bytes: int
    ) -> ActivationResponse:
        """Interpret what a failed ``/init`` answered; never called for a good one."""
        if status is None or not body:
            return cls.developer_error(texts.ABNORMAL_INITIALIZATION)
        if size > limit_bytes:
            return cls._truncated(DEVELOPER_ERROR, body, size, limit_bytes)
        text = body.decode(errors="replace")
        value = _parse(text)
        if isinstance(value, dict) and "error" in value:
            error = value["error"]
        else:
            error = texts.invalid_init_response(text)
        return cls.developer_error(error, _utf16_length(text))

    @classmethod
    def _truncated(cls, code: int, body: bytes, size: int, limit_bytes: int) -> ActivationResponse:
        # An application error, so that a container is not lost to a large result (behaviour 73).
        kept = body[:limit_bytes].decode(errors="replace")
        return cls(code, {"error": texts.truncated_response(kept, size, limit_bytes)}, size)

    @property
    def is_success(self) -> bool:
        """Whether the action succeeded."""
        return self.status_code == SUCCESS

    @property
    def is_whisk_error(self) -> bool:
        """Whether the system was at fault: ``isSystemError`` of the ack (behaviour 135)."""
        return self.status_code == WHISK_ERROR

    @property
    def keeps_container(self) -> bool:
        """Whether a container may be used again after this outcome (behaviour 72)."""
        return self.status_code in (SUCCESS, APPLICATION_ERROR)

    def to_json(self) -> dict[str, Any]:
        """Return the form of records and acks: ``size`` only where there is one."""
        form: dict[str, Any] = {"statusCode": self.status_code}
        if self.result is not None:
            form["result"] = self.result
        if self.size is not None:
            form["size"] = self.size
        return form


def _parse(text: str) -> Any:
    try:
        return jsontext.decode(text)
    except ValueError:
        return None  # not JSON: the caller quotes the text to the user


def _utf16_length(text: str) -> int:
    """Return the length as Java counts it: the stock invoker's ``size`` is ``String.length``."""
    if text.isascii():
        return len(text)
    return len(text) + sum(character > "\uffff" for character in text)
