"""How a setting's text (environment) or value (TOML) becomes what the program uses.

Every reader takes either, and raises ``ValueError`` with the end of a sentence that begins with
the setting's name.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from invoker_plugin.config import hocon


@dataclass(frozen=True)
class Kind:
    """``unit`` is what a bare number counts; ``list_of`` an item's kind in numbered variables."""

    name: str
    read: Callable[[Any], Any]
    unit: str = ""
    numbered: bool = False


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("is no text")


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(_text(value).strip())
    except ValueError:
        raise ValueError("is no whole number") from None


def _decimal(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        return float(_text(value))
    except ValueError:
        raise ValueError("is no number") from None


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    try:
        return known[_text(value).strip().lower()]
    except KeyError:
        raise ValueError("is neither true nor false") from None


def _size_bytes(value: Any) -> int:
    return value if type(value) is int else hocon.parse_size(_text(value))


def _size_mb(value: Any) -> int:
    if type(value) is int:  # TOML: the key's name says MB
        return value
    size = hocon.parse_size(_text(value))
    if size % hocon.MIB:
        raise ValueError("is no whole number of MB; give a unit, such as 256m")
    return size // hocon.MIB


def _duration_ms(value: Any) -> int:
    return value if type(value) is int else hocon.parse_duration_ms(_text(value))


def _names(value: Any) -> tuple[str, ...]:
    """Read ``a,b``; OpenWhisk's playbook adds quotes and blanks around its lists."""
    if isinstance(value, list):
        return tuple(_text(item) for item in value)
    items = (item.strip(" '\"") for item in _text(value).strip(" '\"").split(","))
    return tuple(item for item in items if item)


def _lines(value: Any) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)):
        return tuple(_text(item) for item in value)
    return (_text(value),)


def _addresses(value: Any) -> tuple[str, ...]:
    addresses = _names(value)
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65_536:
            raise ValueError(f"has {address!r}, which is no host:port")
    return addresses


def _port(value: Any) -> int:
    port = _integer(value)
    if 0 <= port < 65_536:
        return port
    raise ValueError("is no port (0 to 65535)")


def _key(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value).strip(), validate=True)
    except binascii.Error:
        raise ValueError("is no base64 text") from None


def _options(value: Any) -> dict[str, tuple[str, ...]]:
    """Read Docker's run options without dashes: ``{"cap-add": ["IPC_LOCK"]}``."""
    if not isinstance(value, dict):
        raise ValueError("is no table of Docker run options")
    return {str(name): _lines(values) for name, values in value.items()}


def _options_by_kind(value: Any) -> dict[str, dict[str, tuple[str, ...]]]:
    if not isinstance(value, dict):
        raise ValueError("is no table of kinds")
    return {str(kind): _options(options) for kind, options in value.items()}


def choice(*values: str) -> Kind:
    """Return a kind that takes one of ``values``, in any case."""
    known = {value.lower(): value for value in values}

    def read(value: Any) -> str:
        try:
            return known[_text(value).strip().lower()]
        except KeyError:
            raise ValueError(f"is none of {', '.join(values)}") from None

    return Kind(" / ".join(values), read)


TEXT = Kind("text", _text)
PATH = Kind("path", _text)
SECRET = Kind("secret", _text)
INTEGER = Kind("whole number", _integer)
DECIMAL = Kind("number", _decimal)
FLAG = Kind("true / false", _flag)
SIZE_BYTES = Kind("size", _size_bytes, unit="bytes")
SIZE_MB = Kind("size", _size_mb, unit="MB")
DURATION_MS = Kind("duration", _duration_ms, unit="ms")
NAMES = Kind("list, by commas", _names)
LINES = Kind("list", _lines, numbered=True)
ADDRESSES = Kind("host:port list", _addresses)
PORT = Kind("port", _port)
KEY = Kind("base64 key", _key)
OPTIONS = Kind("Docker run options", _options)
OPTIONS_BY_KIND = Kind("Docker run options by kind", _options_by_kind)
