"""One activation inside a worker: its environment, the user's function, what becomes of it."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swift_runtime.loader import Function

NOT_A_RESULT = "The action did not return a dictionary or array."
_VARIABLES = (
    "api_key",
    "namespace",
    "action_name",
    "action_version",
    "activation_id",
    "transaction_id",
    "deadline",
)


@dataclass(frozen=True)
class Answer:
    """What ``/run`` answers: HTTP status, JSON bytes, and how long the function took."""

    status: int
    body: bytes
    run_ms: float


def export(request: Mapping[str, Any]) -> None:
    """Set the ``__OW_*`` variables of this activation; those it does not have are removed."""
    for name in _VARIABLES:
        variable = "__OW_" + name.upper()
        value = request.get(name)
        if value is not None:
            os.environ[variable] = environment_text(value)
        elif name == "api_key":
            # an invoker leaves the key out of /run for actions that must not have it
            os.environ.pop(variable, None)


def environment_text(value: Any) -> str:
    """A JSON value as an environment variable, as OpenWhisk writes it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def run(function: Function, arguments: Any) -> Answer:
    """Call the user's function. ``SystemExit`` comes through: it ends the worker."""
    begin = time.perf_counter()
    try:
        result = function(arguments)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001  whatever user code raises is its answer
        run_ms = _elapsed_ms(begin)
        _print_traceback(error)
        return Answer(502, _error_body(f"An error has occurred: {_text(error)}"), run_ms)
    run_ms = _elapsed_ms(begin)
    if not isinstance(result, (dict, list)):
        return Answer(502, _error_body(NOT_A_RESULT), run_ms)
    try:
        return Answer(200, encode(result), run_ms)
    except (TypeError, ValueError, RecursionError) as error:
        text = f"The action's result can't be written as JSON: {_text(error)}"
        print(text, file=sys.stderr)
        return Answer(502, _error_body(text), run_ms)


def encode(result: Any) -> bytes:
    """JSON as stock runtimes write it, so that sizes in records agree; NaN is refused."""
    try:
        return json.dumps(result, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # lone surrogates have no UTF-8
        return json.dumps(result, allow_nan=False).encode()


def exit_code(error: SystemExit) -> int:
    """The process's exit code for a ``sys.exit``; a text goes to stderr, as Python does."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _elapsed_ms(begin: float) -> float:
    return round((time.perf_counter() - begin) * 1000, 3)


def _error_body(text: str) -> bytes:
    return encode({"error": text})


def _text(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001  a user's __str__ may raise anything
        return type(error).__name__


def _print_traceback(error: BaseException) -> None:
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    traceback.print_exception(type(error), error, frames)
