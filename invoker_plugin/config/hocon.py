"""Sizes and durations as OpenWhisk's configuration writes them: ``2048m``, ``10 minutes``."""

from __future__ import annotations

import re

KIB = 1024
MIB = 1024 * 1024
GIB = 1024 * 1024 * 1024

_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")

# OpenWhisk reads every unit of size as a power of two, "MB" and "m" alike.
_SIZES = {"": 1, "b": 1, "byte": 1, "bytes": 1}
_SIZES |= dict.fromkeys(("k", "kb", "kib"), KIB)
_SIZES |= dict.fromkeys(("m", "mb", "mib"), MIB)
_SIZES |= dict.fromkeys(("g", "gb", "gib"), GIB)

_DURATIONS_NS = {"ns": 1, "nano": 1, "nanos": 1, "nanosecond": 1, "nanoseconds": 1}
_DURATIONS_NS |= dict.fromkeys(("us", "micro", "micros", "microsecond", "microseconds"), 1_000)
_DURATIONS_NS |= dict.fromkeys(
    ("", "ms", "milli", "millis", "millisecond", "milliseconds"), 1_000_000
)
_DURATIONS_NS |= dict.fromkeys(("s", "second", "seconds"), 1_000_000_000)
_DURATIONS_NS |= dict.fromkeys(("m", "minute", "minutes"), 60_000_000_000)
_DURATIONS_NS |= dict.fromkeys(("h", "hour", "hours"), 3_600_000_000_000)
_DURATIONS_NS |= dict.fromkeys(("d", "day", "days"), 86_400_000_000_000)


def parse_size(text: str) -> int:
    """Return bytes; raise ``ValueError``. A bare number is bytes."""
    amount, scale = _split(text, _SIZES, "size, such as 512m or 2 GB")
    return int(amount * scale)


def parse_duration_ms(text: str) -> int:
    """Return milliseconds; raise ``ValueError``. A bare number is milliseconds."""
    amount, scale = _split(text, _DURATIONS_NS, "duration, such as 500 ms or 10 minutes")
    return round(amount * scale / 1_000_000)


def _split(text: str, scales: dict[str, int], what: str) -> tuple[float, int]:
    match = _AMOUNT.fullmatch(text)
    scale = scales.get(match[2].lower()) if match else None
    if match is None or scale is None:
        raise ValueError(f"is no {what}")
    number = match[1]
    return (float(number) if "." in number else int(number)), scale
