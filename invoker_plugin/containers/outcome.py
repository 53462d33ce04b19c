"""What became of one request to a container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Failure = Literal["timeout", "refused", "reset"]


@dataclass(frozen=True)
class HttpOutcome:
    """One request to a container: an answer, or how it failed.

    ``start_ms`` and ``end_ms`` are milliseconds since the epoch. ``status`` is the HTTP status, or
    None when there was no usable answer; then ``failure`` says why and ``reason`` says it in words:

    - ``refused``: nothing was delivered, so the job may safely run elsewhere (behaviour 69);
    - ``timeout``: the time limit passed;
    - ``reset``: the connection or the container ended after something may have been delivered.

    ``body`` is cut at the truncation size and ``size`` is the real length (behaviour 109).
    ``swift`` is the ``X-Swift`` header, empty for images that know nothing of it.
    """

    start_ms: int
    end_ms: int
    status: int | None = None
    body: bytes = b""
    size: int = 0
    failure: Failure | None = None
    reason: str = ""
    swift: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms

    @property
    def truncated(self) -> bool:
        """True when the container answered more than was kept."""
        return self.size > len(self.body)

    @property
    def logged_nothing(self) -> bool:
        """True when the runtime says that the activation wrote no log at all."""
        return self.swift.get("log_lines") == 0 and not self.swift.get("log_truncated")
