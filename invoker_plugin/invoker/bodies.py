"""Bodies of ``/init`` and ``/run`` (behaviours 102-105; ``docs/runtime-protocol.md``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoker_plugin.invoker.activation import Activation
from invoker_plugin.wire import jsontext
from invoker_plugin.wire.parameters import environment_text

PROTOCOL_VERSION = 1


def init_body(activation: Activation, deadline_ms: int, swift: Mapping[str, Any] | None) -> bytes:
    """The body of ``/init``; ``swift`` only for a runtime that knows forks."""
    execution = activation.action.execution
    environment = {name: environment_text(value) for name, value in activation.environment.items()}
    environment.update(_system_environment(activation, deadline_ms))
    value: dict[str, Any] = {
        "name": activation.action.name,
        "main": execution.entry_point,
        "code": execution.code or "",
        "binary": execution.binary,
        "env": environment,
    }
    body: dict[str, Any] = {"value": value}
    if swift is not None:
        body["swift"] = swift
    return jsontext.encode(body)


def init_swift(activation: Activation, slots: int) -> dict[str, Any]:
    """What a template is told beside the action."""
    annotations = activation.action.annotations
    return {
        "protocol": PROTOCOL_VERSION,
        "slots": slots,
        # With one slot its only worker would never find a spare, but hold one back.
        "spares": activation.spares if slots > 1 else 0,
        "worker_memory_mb": activation.action.limits.memory_mb,
        "log_limit_bytes": activation.log_limit_bytes,
        "rdma": annotations.get("rdma") is not False,
        "peers": annotations.get("rdma-peers") or [],
    }


def run_body(activation: Activation, deadline_ms: int, swift: Mapping[str, Any] | None) -> bytes:
    """The body of ``/run``."""
    message = activation.message
    body: dict[str, Any] = {
        "action_name": f"/{message.action.fully_qualified}",
        "action_version": activation.action.version,
        "activation_id": message.activation_id,
        "deadline": str(deadline_ms),
        "namespace": message.user.namespace.name,
        "transaction_id": message.transid.id,
        "value": activation.arguments,
    }
    if activation.action.provides_api_key:
        body["api_key"] = message.user.api_key
    if swift is not None:
        body["swift"] = swift
    return jsontext.encode(body)


def run_swift(activation: Activation, worker: str, fork: bool) -> dict[str, Any]:
    """Which worker is to run it, and whether it is to be forked first."""
    return {
        "worker": worker,
        "start": "fork" if fork else "warm",
        "timeout_ms": activation.action.limits.timeout_ms,
        "log_limit_bytes": activation.log_limit_bytes,
    }


def _system_environment(activation: Activation, deadline_ms: int) -> dict[str, str]:
    message = activation.message
    environment = {
        "__OW_NAMESPACE": message.user.namespace.name,
        "__OW_ACTION_NAME": f"/{message.action.fully_qualified}",
        "__OW_ACTION_VERSION": activation.action.version,
        "__OW_ACTIVATION_ID": message.activation_id,
        "__OW_TRANSACTION_ID": message.transid.id,
        "__OW_DEADLINE": str(deadline_ms),
    }
    if activation.action.provides_api_key:
        environment["__OW_API_KEY"] = message.user.api_key
    return environment
