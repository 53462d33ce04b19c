"""The logs of one activation from a Swift container, which keeps activations apart by itself."""

from __future__ import annotations

import logging

from invoker_plugin.containers import log_line
from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.http_client import ContainerClient
from invoker_plugin.containers.log_line import LogLine
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.log import event
from invoker_plugin.wire import jsontext, texts

_log = logging.getLogger(__name__)
_TIMEOUT_MS = 10_000


async def collect(
    client: ContainerClient, activation_id: str, limit_bytes: int, run: HttpOutcome | None
) -> LogCollection | None:
    """Fetch them, None when the runtime knows of none.

    ``run`` is the outcome of the request, which may say that there are none.
    """
    if run is not None and run.logged_nothing:
        return LogCollection()
    path = f"/activations/{activation_id}/logs"
    fetched = await client.call("GET", path, _TIMEOUT_MS, limit_bytes)
    if fetched.status == 404:
        return None
    lines, whole = _lines(fetched.body)
    truncated = fetched.truncated or (run is not None and run.swift.get("log_truncated") is True)
    if fetched.status != 200 or not (whole or fetched.truncated):
        event(
            _log,
            logging.WARNING,
            "log_collection_failed",
            activation=activation_id,
            error=fetched.reason or f"status {fetched.status}",
        )
        return LogCollection((*lines, log_line.notice(texts.LOG_FAILURE)), complete=False)
    if truncated:
        lines.append(log_line.notice(texts.logs_truncated(limit_bytes)))
    return LogCollection(tuple(lines), truncated=truncated)


def _lines(body: bytes) -> tuple[list[str], bool]:
    """The lines, formatted, and whether all of the body could be read."""
    entries = body.split(b"\n")
    whole = not entries.pop()
    lines = []
    for entry in entries:
        try:
            value = jsontext.decode(entry)
            line = LogLine(str(value["time"]), str(value["stream"]), str(value["line"]))
        except (ValueError, KeyError, TypeError):
            whole = False
            continue
        lines.append(line.formatted())
    return lines, whole
