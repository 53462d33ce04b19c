"""What an action is given: its arguments, and those that go to the environment instead."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from invoker_plugin.wire import encryption, jsontext
from invoker_plugin.wire.jsontext import Json


def partition_arguments(content: Json, init_args: Set[str]) -> tuple[dict[str, Any], Json]:
    """Split ``content`` into (environment, run arguments), behaviour 105.

    An array goes to ``/run`` whole; absent content is an empty object.
    """
    if content is None:
        return {}, {}
    if not init_args or not isinstance(content, dict):
        return {}, content
    environment = {key: value for key, value in content.items() if key in init_args}
    arguments = {key: value for key, value in content.items() if key not in init_args}
    return environment, arguments


def unlock(content: Json, locked_args: Mapping[str, str] | None, keys: Mapping[str, bytes]) -> Json:
    """Return ``content`` with every parameter named in ``locked_args`` decrypted.

    ``keys`` maps a scheme (``aes-128``) to its key. Raises
    :class:`~invoker_plugin.errors.SystemFault` where a value cannot be unlocked.
    """
    if not locked_args or not isinstance(content, dict):
        return content
    return {
        name: encryption.decrypt(value, locked_args[name], keys) if name in locked_args else value
        for name, value in content.items()
    }


def environment_text(value: Json) -> str:
    """Return an argument as an environment variable's value (behaviour 102)."""
    if isinstance(value, str):
        return value
    return "" if value is None else jsontext.encode_text(value)
