"""Typed access to the fields of a JSON object; every fault is one line that names the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KINDS: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    dict: "an object",
    list: "an array",
}


class FieldFault(ValueError):
    """A field is missing or of the wrong kind; the text says which and what was expected."""


def _fault(document: Mapping[str, Any], key: str, kind: type) -> FieldFault:
    if key not in document:
        return FieldFault(f"field '{key}' is missing")
    return FieldFault(f"field '{key}' is not {_KINDS[kind]}")


def as_object(value: Any, name: str) -> dict[str, Any]:
    """Return ``value``, which is called ``name`` in the fault, if it is a JSON object."""
    if type(value) is dict:
        return value
    raise FieldFault(f"{name} is not an object")


def text(document: Mapping[str, Any], key: str) -> str:
    """Return the string at ``key``."""
    value = document.get(key)
    if type(value) is str:
        return value
    raise _fault(document, key, str)


def optional_text(document: Mapping[str, Any], key: str) -> str | None:
    """Return the string at ``key``; ``None`` when it is absent or null."""
    value = document.get(key)
    if value is None or type(value) is str:
        return value
    raise _fault(document, key, str)


def flag(document: Mapping[str, Any], key: str, default: bool | None = None) -> bool:
    """Return the boolean at ``key``; ``default``, where one is given, when it is absent."""
    value = document.get(key, default)
    if type(value) is bool:
        return value
    raise _fault(document, key, bool)


def integer(document: Mapping[str, Any], key: str, default: int | None = None) -> int:
    """Return the whole number at ``key`` (``true`` is none); ``default`` when it is absent."""
    value = document.get(key, default)
    if type(value) is int:
        return value
    raise _fault(document, key, int)


def optional_integer(document: Mapping[str, Any], key: str) -> int | None:
    """Return the whole number at ``key``; ``None`` when it is absent or null."""
    value = document.get(key)
    if value is None or type(value) is int:
        return value
    raise _fault(document, key, int)


def mapping(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the object at ``key``."""
    value = document.get(key)
    if type(value) is dict:
        return value
    raise _fault(document, key, dict)


def sequence(document: Mapping[str, Any], key: str) -> list[Any]:
    """Return the array at ``key``."""
    value = document.get(key)
    if type(value) is list:
        return value
    raise _fault(document, key, list)


def texts(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the array of strings at ``key``; empty when it is absent."""
    value = document.get(key, [])
    if type(value) is list and all(type(item) is str for item in value):
        return tuple(value)
    raise FieldFault(f"field '{key}' is not an array of strings")
