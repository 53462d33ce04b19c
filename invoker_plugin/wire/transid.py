"""Transaction ids: ``[id, startMillis]``, or ``[id, startMillis, parent]`` within a sequence."""

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

    @classmethod
    def parse(cls, value: Any) -> TransactionId:
        """Read the wire's array form; raise :class:`~invoker_plugin.wire.fields.FieldFault`."""
        match value:
            case [str(identifier), int(start_ms)]:
                return cls(identifier, start_ms)
            case [str(identifier), int(start_ms), parent]:
                return cls(identifier, start_ms, cls.parse(parent))
        raise FieldFault("field 'transid' is not [id, start] or [id, start, parent]")

    def to_json(self) -> list[Any]:
        """Return the wire's array form."""
        if self.parent is None:
            return [self.id, self.start_ms]
        return [self.id, self.start_ms, self.parent.to_json()]


UNKNOWN = TransactionId("unknown", 0)
"""Where a message names none."""
