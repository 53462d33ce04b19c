"""Transaction ids: ``[id, startMillis]``, then ``true`` if the caller asked for extra logging,
then, within a sequence, the parent's id in the same form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from invoker_plugin.wire.fields import FieldFault


@dataclass(frozen=True, slots=True)
class TransactionId:
    """Joins all log lines and messages of one request; its start is the base of ``waitTime``."""

    id: str
    start_ms: int
    parent: TransactionId | None = None
    extra_logging: bool = False
    """The caller sent ``X-OW-EXTRA-LOGGING: on``: whatever the levels, its record is stored."""

    @classmethod
    def parse(cls, value: Any) -> TransactionId:
        """Read the wire's array form; raise :class:`~invoker_plugin.wire.fields.FieldFault`."""
        match value:
            case [str(identifier), int(start_ms)]:
                return cls(identifier, start_ms)
            case [str(identifier), int(start_ms), bool(extra)]:
                return cls(identifier, start_ms, extra_logging=extra)
            case [str(identifier), int(start_ms), parent]:
                return cls(identifier, start_ms, cls.parse(parent))
            case [str(identifier), int(start_ms), bool(extra), parent]:
                return cls(identifier, start_ms, cls.parse(parent), extra)
        raise FieldFault("field 'transid' is not [id, start], with extra logging and parent")

    def to_json(self) -> list[Any]:
        """Return the wire's array form."""
        form: list[Any] = [self.id, self.start_ms]
        if self.extra_logging:
            form.append(True)
        if self.parent is not None:
            form.append(self.parent.to_json())
        return form


UNKNOWN = TransactionId("unknown", 0)
"""Where a message names none."""
