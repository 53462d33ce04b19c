"""What a container's answer means to the user. Pure; behaviours 99, 108, 110, 111."""

from __future__ import annotations

from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.errors import ApplicationFault, DeveloperFault, InvokerError
from invoker_plugin.wire import texts
from invoker_plugin.wire.response import ActivationResponse


def timed_out(outcome: HttpOutcome, limit_ms: int) -> bool:
    """Whether the request used up the action's time limit."""
    return outcome.failure == "timeout" or outcome.duration_ms >= limit_ms


def run_response(
    outcome: HttpOutcome, limit_ms: int, result_limit_bytes: int, out_of_memory: bool
) -> ActivationResponse:
    """The response of an activation whose ``/run`` ended so."""
    if timed_out(outcome, limit_ms):
        return ActivationResponse.developer_error(texts.time_limit_exceeded(limit_ms))
    if out_of_memory:
        return ActivationResponse.developer_error(texts.MEMORY_EXHAUSTED)
    if died(outcome):
        return ActivationResponse.developer_error(texts.ABNORMAL_RUN)
    return ActivationResponse.from_run(
        outcome.status, outcome.body, outcome.size, result_limit_bytes
    )


def init_response(
    outcome: HttpOutcome, limit_ms: int, result_limit_bytes: int, out_of_memory: bool
) -> ActivationResponse:
    """The response of the activations whose container failed to initialise so."""
    if timed_out(outcome, limit_ms):
        text = texts.time_limit_exceeded(limit_ms, during_init=True)
        return ActivationResponse.developer_error(text)
    if out_of_memory:
        return ActivationResponse.developer_error(texts.MEMORY_EXHAUSTED)
    return ActivationResponse.from_init(
        outcome.status, outcome.body, outcome.size, result_limit_bytes
    )


def died(outcome: HttpOutcome) -> bool:
    """Whether a forked worker ended instead of answering."""
    return bool(outcome.swift.get("exit"))


def worker_out_of_memory(outcome: HttpOutcome) -> bool:
    """Whether a forked worker was ended for passing its memory limit."""
    return _exit_reason(outcome) == "memory"


def template_lost(outcome: HttpOutcome) -> bool:
    """Whether no further fork can come of the container: its template or its proxy is gone."""
    return _exit_reason(outcome) == "template" or outcome.failure in ("reset", "refused")


def _exit_reason(outcome: HttpOutcome) -> str | None:
    ending = outcome.swift.get("exit")
    return ending.get("reason") if isinstance(ending, dict) else None


def fault_response(fault: InvokerError) -> ActivationResponse:
    """The response for an activation that one of our own errors ended."""
    if isinstance(fault, ApplicationFault):
        return ActivationResponse.application_error(str(fault))
    if isinstance(fault, DeveloperFault):
        return ActivationResponse.developer_error(str(fault))
    return ActivationResponse.whisk_error(str(fault))
