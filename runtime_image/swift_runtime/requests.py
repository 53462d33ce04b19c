"""The bodies of ``/init`` and ``/run``, checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swift_runtime import PROTOCOL
from swift_runtime.http_server import Refused

DEFAULT_LOG_LIMIT_BYTES = 10 << 20
_WORKER_NAME = re.compile(r"[a-z0-9-]{1,32}")
_MAX_SLOTS = 1024
_MAX_SPARES = 16
_MAX_PEERS = 64
_MAX_PEER_LENGTH = 320


@dataclass(frozen=True)
class InitOptions:
    """``swift`` of an ``/init``; all defaults for a stock invoker."""

    managed: bool = False
    slots: int = 1
    spares: int = 0
    worker_memory_mb: int | None = None
    log_limit_bytes: int = DEFAULT_LOG_LIMIT_BYTES
    rdma: bool = True
    peers: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunOptions:
    """``swift`` of a ``/run``."""

    worker: str
    start: str
    timeout_ms: int | None
    log_limit_bytes: int


def parse_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object; raises :class:`Refused`."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"The body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise Refused(400, "The body is not a JSON object.")
    return content


def parse_init(content: Mapping[str, Any]) -> tuple[Mapping[str, Any], InitOptions]:
    """The action (``value``) and the options of an ``/init``."""
    value = content.get("value")
    if not isinstance(value, dict) or not isinstance(value.get("code"), str) or not value["code"]:
        # OpenWhisk's text and status for it
        raise Refused(403, "Missing main/no code to execute.")
    if not isinstance(value.get("env") or {}, dict):
        raise Refused(400, "value.env is not an object.")
    swift = content.get("swift")
    if swift is None:
        return value, InitOptions()
    if not isinstance(swift, dict) or swift.get("protocol") != PROTOCOL:
        raise Refused(400, f"This runtime speaks protocol {PROTOCOL} only.")
    return value, InitOptions(
        managed=True,
        slots=_number(swift, "slots", 1, 1, _MAX_SLOTS),
        spares=_number(swift, "spares", 0, 0, _MAX_SPARES),
        worker_memory_mb=_number(swift, "worker_memory_mb", 0, 0, 1 << 24) or None,
        log_limit_bytes=_number(swift, "log_limit_bytes", DEFAULT_LOG_LIMIT_BYTES, 0, 1 << 40),
        rdma=swift.get("rdma", True) is not False,
        peers=_peers(swift.get("peers")),
    )


def parse_run(content: Mapping[str, Any], default_log_limit: int) -> RunOptions | None:
    """The options of a ``/run``; None for a stock invoker's."""
    swift = content.get("swift")
    if swift is None:
        return None
    if not isinstance(swift, dict):
        raise Refused(400, "swift is not an object.")
    worker, start = swift.get("worker"), swift.get("start")
    if not isinstance(worker, str) or not _WORKER_NAME.fullmatch(worker):
        raise Refused(400, "swift.worker must match [a-z0-9-]{1,32}.")
    if start not in ("fork", "warm"):
        raise Refused(400, "swift.start must be fork or warm.")
    return RunOptions(
        worker=worker,
        start=start,
        timeout_ms=_number(swift, "timeout_ms", 0, 0, 1 << 40) or None,
        log_limit_bytes=_number(swift, "log_limit_bytes", default_log_limit, 0, 1 << 40),
    )


def activation_id(content: Mapping[str, Any]) -> str:
    """The id that names the activation's logs; raises :class:`Refused`."""
    identifier = content.get("activation_id")
    if not isinstance(identifier, str) or not identifier:
        raise Refused(400, "activation_id is missing: its logs would have no name.")
    return identifier


def _peers(content: Any) -> tuple[str, ...]:
    """``peers`` as texts. It is a user's annotation: what is no peer is told later, not refused."""
    peers = [] if content is None else content if isinstance(content, list) else [content]
    texts = (peer if isinstance(peer, str) else json.dumps(peer) for peer in peers[:_MAX_PEERS])
    return tuple(text[:_MAX_PEER_LENGTH] for text in texts)


def _number(swift: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = swift.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(400, f"swift.{name} must be a whole number from {low} to {high}.")
    return value
