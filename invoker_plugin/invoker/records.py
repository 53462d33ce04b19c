"""Builds activation records (behaviours 122-124)."""

from __future__ import annotations

from invoker_plugin.invoker.activation import Activation, Interval, StartReport
from invoker_plugin.wire.activation import ActivationMessage
from invoker_plugin.wire.record import ActivationRecord, annotations_of, fallback_annotations
from invoker_plugin.wire.response import ActivationResponse


def record_of(
    activation: Activation,
    response: ActivationResponse,
    init: Interval | None,
    run: Interval | None,
    timed_out: bool,
    report: StartReport | None,
    now_ms: int,
) -> ActivationRecord:
    """The record of an activation that got as far as a container.

    The start is moved back by the init time, so that the duration is init and run together
    (behaviour 123). Without either interval it never ran: a zero duration, now.
    """
    message = activation.message
    start_ms, end_ms = now_ms, now_ms
    if run is not None:
        start_ms = run.start_ms - (init.duration_ms if init else 0)
        end_ms = run.end_ms
    elif init is not None:
        start_ms, end_ms = init.start_ms, init.end_ms
    waited_until_ms = init.start_ms if init else start_ms
    return ActivationRecord(
        namespace=message.user.namespace.name,
        name=activation.action.name,
        subject=message.user.subject,
        activation_id=message.activation_id,
        version=activation.action.version,
        start_ms=start_ms,
        end_ms=end_ms,
        duration_ms=end_ms - start_ms,
        response=response,
        annotations=annotations_of(
            path=activation.action.fully_qualified,
            wait_ms=max(0, waited_until_ms - message.transid.start_ms),
            kind=activation.action.execution.kind,
            timed_out=timed_out,
            limits=activation.action.limits,
            init_ms=init.duration_ms if init else None,
            caused_by_sequence=message.caused_by_sequence,
            binding=message.action.binding,
            swift=report.to_json() if report else None,
        ),
        cause=message.cause,
    )


def fallback_record(
    message: ActivationMessage, response: ActivationResponse, now_ms: int
) -> ActivationRecord:
    """The record of an activation whose action could not be resolved (behaviour 28)."""
    return ActivationRecord(
        namespace=message.user.namespace.name,
        name=message.action.name,
        subject=message.user.subject,
        activation_id=message.activation_id,
        version=message.action.version or "0.0.1",
        start_ms=now_ms,
        end_ms=now_ms,
        duration_ms=0,
        response=response,
        annotations=fallback_annotations(
            message.action.fully_qualified, caused_by_sequence=message.caused_by_sequence
        ),
        cause=message.cause,
    )
