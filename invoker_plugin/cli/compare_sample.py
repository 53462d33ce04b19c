"""What an activation record tells about how long each phase took. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any
PHASES = ("wait", "queue", "container", "init", "fork", "rdma", "run", "end-to-end")
"""In the order of an activation's life; ``queue`` is the part of ``wait`` spent in the invoker."""

STOCK_COLD = "cold/prewarm"
"""A stock invoker's record tells no more than that /init ran."""

_OF_SWIFT = ("queue", "container", "init", "fork", "rdma", "run")
_STATUS_CODES = {0: "success", 1: "application error", 2: "action developer error"}


@dataclass(frozen=True)
class Sample:
    """One activation: how it was started, and the phases that it went through, in ms."""

    activation_id: str
    action: str
    start_ms: int
    """When it began, in ms since 1970."""
    start: str
    reason: str | None
    status: str
    phases: Mapping[str, float] = field(default_factory=dict)
    checksum: str | None = None

    def to_json(self) -> dict[str, Json]:
        """For ``--json``; every duration's key names its unit."""
        durations = {f"{name.replace('-', '_')}_ms": self.phases.get(name) for name in PHASES}
        return {
            "activation": self.activation_id,
            "action": self.action,
            "at_ms": self.start_ms,
            "start": self.start,
            "reason": self.reason,
            "status": self.status,
            **durations,
            "checksum": self.checksum,
        }


def sample(record: Mapping[str, Json]) -> Sample | None:
    """The sample of a record, as the API or the store gives it.

    None for a record of something that was never started in a container: a sequence, a deleted
    action. A record without the annotation ``swift`` is a stock invoker's: there initTime tells
    apart whether /init ran.
    """
    annotations = {pair["key"]: pair["value"] for pair in record.get("annotations", [])}
    if "waitTime" not in annotations or annotations.get("kind") == "sequence":
        return None
    swift = annotations.get("swift") or {}
    return Sample(
        activation_id=record["activationId"],
        action=str(annotations.get("path", record.get("name", "?"))),
        start_ms=record["start"],
        start=swift.get("start") or _stock_start(annotations),
        reason=swift.get("reason"),
        status=_status(record.get("response", {})),
        phases=_phases(record, annotations, swift),
        checksum=_checksum(record),
    )


def _stock_start(annotations: Mapping[str, Json]) -> str:
    return STOCK_COLD if "initTime" in annotations else "warm"


def _phases(
    record: Mapping[str, Json], annotations: Mapping[str, Json], swift: Mapping[str, Json]
) -> dict[str, float]:
    """What is known, in ms; a phase that the activation did not go through is left out."""
    duration = record.get("duration", record.get("end", record["start"]) - record["start"])
    init = annotations.get("initTime")
    found: dict[str, float | None] = {"wait": annotations["waitTime"]}
    if swift:
        found.update({name: swift.get(f"{name}_ms") for name in _OF_SWIFT})
    else:
        found.update(init=init, run=duration - (init or 0))
    found["end-to-end"] = annotations["waitTime"] + duration
    return {name: float(value) for name, value in found.items() if value is not None}


def _status(response: Mapping[str, Json]) -> str:
    """In the API's words; the store has a number."""
    if "status" in response:
        return str(response["status"])
    return _STATUS_CODES.get(response.get("statusCode", 3), "whisk internal error")


def _checksum(record: Mapping[str, Json]) -> str | None:
    result = record.get("response", {}).get("result")
    checksum = result.get("sha256") if isinstance(result, dict) else None
    return checksum if isinstance(checksum, str) else None
