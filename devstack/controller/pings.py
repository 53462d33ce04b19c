"""Pings from the topic ``health``: each invoker's sign of life, once a second."""

from __future__ import annotations

import json
from dataclasses import dataclass


class MalformedPing(Exception):
    """Bytes that are no ping; the text is one line."""


@dataclass(frozen=True)
class Ping:
    """A sign of life of one invoker."""

    instance: int
    unique_name: str | None
    displayed_name: str | None
    memory_mb: int
    tags: tuple[str, ...]
    enabled: bool

    @property
    def shown_name(self) -> str:
        """``invoker0/<unique or displayed name>``, as ``GET /invokers`` shows it."""
        return "/".join(
            name
            for name in (f"invoker{self.instance}", self.unique_name, self.displayed_name)
            if name
        )


def parse_ping(value: bytes) -> Ping:
    """Read a ping; raises :class:`MalformedPing`."""
    try:
        message = json.loads(value)
        name = message["name"]
        return Ping(
            instance=int(name["instance"]),
            unique_name=name.get("uniqueName"),
            displayed_name=name.get("displayedName"),
            memory_mb=_mebibytes(name["userMemory"]),
            tags=tuple(name.get("tags", ())),
            enabled=bool(message.get("isEnabled", True)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedPing(f"{type(error).__name__}: {error} in {value[:200]!r}") from error


def _mebibytes(size: str) -> int:
    """``2147483648 B`` (what invokers send) in MiB."""
    number, _, unit = size.partition(" ")
    factor = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}[unit or "B"]
    return int(number) * factor // 1024**2
