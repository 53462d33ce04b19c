"""Activation records as the API gives them: a swift invoker's and a stock one's."""

from __future__ import annotations

from typing import Any


def stock_record(
    activation_id: str = "a1", init_ms: int | None = 131, **changes: Any
) -> dict[str, Any]:
    """As captured of a stock invoker: duration 140, wait 752."""
    annotations = [
        {"key": "path", "value": "guest/cold"},
        {"key": "waitTime", "value": 752},
        {"key": "kind", "value": "python:3"},
        {"key": "timeout", "value": False},
        {"key": "limits", "value": {"concurrency": 1, "logs": 10, "memory": 128, "timeout": 60000}},
    ]
    if init_ms is not None:
        annotations.append({"key": "initTime", "value": init_ms})
    return {
        "activationId": activation_id,
        "annotations": annotations,
        "duration": 140,
        "end": 1795362322715,
        "logs": [],
        "name": "cold",
        "namespace": "guest",
        "publish": False,
        "response": {"result": {"got": 1}, "size": 9, "status": "success", "success": True},
        "start": 1795362322575,
        "subject": "guest",
        "version": "0.0.1",
        **changes,
    }


def swift_record(activation_id: str, start: str, **phases: Any) -> dict[str, Any]:
    """The same with the annotation that our invoker adds."""
    record = stock_record(activation_id, init_ms=phases.get("init_ms"))
    swift = {
        "start": start,
        "reason": "a template is ready",
        "container_ms": None,
        "init_ms": None,
        "fork_ms": None,
        "rdma_ms": None,
        "run_ms": 9.5,
        "queue_ms": 0.4,
        "worker": "w7",
        "slot": 3,
        **phases,
    }
    record["annotations"].append({"key": "swift", "value": swift})
    record["response"]["result"] = {"sha256": "ab" * 32}
    return record
