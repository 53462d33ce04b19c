"""JSON in and out, strictly: no NaN, no infinity, UTF-8, compact as OpenWhisk's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

Json = str | bool | int | float | None | Sequence[Any] | Mapping[str, Any]
"""Any JSON value. Objects are ``dict`` and arrays ``list`` when they come from :func:`decode`."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# One coder each for the whole process: json.loads and json.dumps with options build a new one
# a call, which costs more than coding an ordinary message.
_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def decode(data: bytes | str) -> Any:
    """Parse JSON text (UTF-8 where it is bytes); raise ``ValueError`` when it is not JSON."""
    try:
        return _decode(data if isinstance(data, str) else data.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def encode_text(value: Json) -> str:
    """Serialise ``value`` compactly; raise ``ValueError`` on NaN or infinity."""
    return _encode(value)


def encode(value: Json) -> bytes:
    """Serialise ``value`` to UTF-8; raise ``ValueError`` on NaN or infinity."""
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        # A lone surrogate is legal JSON when escaped, and user data may hold one.
        return _encode_ascii(value).encode()
