"""Runs one activation in a container that is ready for it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from invoker_plugin.containers.interface import AnyContainer
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.errors import SystemFault
from invoker_plugin.invoker import answer, bodies, health_action, records
from invoker_plugin.invoker.activation import Activation, Interval, StartReport
from invoker_plugin.invoker.clock import since_ms, wall_ms
from invoker_plugin.invoker.drain import SHUT_DOWN
from invoker_plugin.invoker.finisher import Finisher
from invoker_plugin.invoker.handle import Handle
from invoker_plugin.log import event
from invoker_plugin.pool.effects import Run
from invoker_plugin.pool.events import Event, JobFinished, JobReturned
from invoker_plugin.pool.job import Start
from invoker_plugin.wire.record import ActivationRecord
from invoker_plugin.wire.response import ActivationResponse

logger = logging.getLogger(__name__)

CONFLICT, UNAVAILABLE = 409, 503
_CAUSES: dict[int | None, str] = {CONFLICT: "conflict", UNAVAILABLE: "unavailable"}


class Runner:
    """Carries out the pool's ``Run``."""

    def __init__(
        self, finisher: Finisher, happen: Callable[[Event], None], result_limit_bytes: int
    ) -> None:
        self._finisher = finisher
        self._happen = happen
        self._result_limit_bytes = result_limit_bytes
        self.ending = False
        """The invoker ends and removes its containers: what does not answer is its own fault."""

    async def run(self, effect: Run, handle: Handle, activation: Activation) -> bool:
        """Run the activation and tell the pool as soon as its place is free.

        ``False``: it did not begin and was given back to the pool.
        """
        report = _report(effect, handle, activation)
        resumed = effect.resume
        if resumed and not await _resume(handle, activation):
            self._finisher.metrics.returned("resume")
            self._happen(JobReturned(effect.container, effect.job.activation_id))
            return False
        outcome = await self._post_run(effect, handle, activation)
        returned = _returned(effect, outcome, resumed)
        if returned is not None:
            _log_returned(activation, handle, outcome)
            self._finisher.metrics.returned(_CAUSES.get(outcome.status, "refused"))
            self._happen(returned)
            return False
        report.take(outcome.swift)
        response = await self._respond(handle, activation, outcome)
        record = _record(activation, handle, outcome, response, report)
        _log_finished(activation, record, report)
        health_action.log_result(activation.message, response)
        self._measure(activation, handle, outcome, record, report)
        if handle.swift:
            await self._end_in_worker(effect, handle, activation, outcome, record)
        else:
            await self._end_in_container(effect, handle, activation, outcome, record)
        return True

    def _measure(
        self,
        activation: Activation,
        handle: Handle,
        outcome: HttpOutcome,
        record: ActivationRecord,
        report: StartReport,
    ) -> None:
        handle.rdma = report.rdma or handle.rdma
        asked_ms = activation.message.transid.start_ms
        paid = handle.init is not None and handle.paid_by(activation.message.activation_id)
        begun_ms = handle.init.start_ms if handle.init and paid else outcome.start_ms
        self._finisher.metrics.ran(
            report,
            record.response.status_code,
            max(0, begun_ms - asked_ms),
            max(0, outcome.end_ms - asked_ms),
        )

    async def _post_run(self, effect: Run, handle: Handle, activation: Activation) -> HttpOutcome:
        assert handle.container is not None
        limit_ms = activation.action.limits.timeout_ms
        swift = None
        if handle.swift and effect.worker is not None:
            swift = bodies.run_swift(activation, effect.worker, effect.fork)
        body = bodies.run_body(activation, wall_ms() + limit_ms, swift)
        return await handle.container.run(body, limit_ms)

    async def _respond(
        self, handle: Handle, activation: Activation, outcome: HttpOutcome
    ) -> ActivationResponse:
        """What the user is told. Nothing is waited for: stock polls 12 s after each failure."""
        assert handle.container is not None
        limit_ms = activation.action.limits.timeout_ms
        if self.ending and outcome.status is None and not answer.timed_out(outcome, limit_ms):
            return ActivationResponse.whisk_error(SHUT_DOWN)
        out_of_memory = answer.worker_out_of_memory(outcome)
        if outcome.status is None and not answer.timed_out(outcome, limit_ms):
            out_of_memory = out_of_memory or await handle.container.out_of_memory()
        return answer.run_response(outcome, limit_ms, self._result_limit_bytes, out_of_memory)

    async def _end_in_worker(
        self,
        effect: Run,
        handle: Handle,
        activation: Activation,
        outcome: HttpOutcome,
        record: ActivationRecord,
    ) -> None:
        """A worker is free as soon as it answered: its logs are apart from all others."""
        assert handle.container is not None
        tail = handle.add_tail(self._finish(activation, record, handle, outcome))
        keep_worker = record.response.keeps_container and not answer.died(outcome)
        keep_container = not answer.template_lost(outcome)
        if not keep_worker and not answer.died(outcome) and effect.worker is not None:
            killed = await _kill_worker(handle.container, effect.worker, activation)
            keep_container = keep_container and killed
        self._happen(
            JobFinished(
                effect.container,
                effect.job.activation_id,
                keep_container=keep_container,
                keep_worker=keep_worker,
            )
        )
        await tail

    async def _end_in_container(
        self,
        effect: Run,
        handle: Handle,
        activation: Activation,
        outcome: HttpOutcome,
        record: ActivationRecord,
    ) -> None:
        """A plain container is free when its logs were read: the next writes to the same file."""
        whole = await self._finisher.finish(activation, record, handle, outcome)
        keep = record.response.keeps_container and whole
        self._happen(JobFinished(effect.container, effect.job.activation_id, keep_container=keep))

    async def _finish(
        self,
        activation: Activation,
        record: ActivationRecord,
        handle: Handle,
        outcome: HttpOutcome,
    ) -> None:
        await self._finisher.finish(activation, record, handle, outcome)


def _report(effect: Run, handle: Handle, activation: Activation) -> StartReport:
    report = StartReport(effect.start.value, effect.reason, worker=effect.worker)
    waited_ms = since_ms(activation.arrived_ns)
    if effect.start in (Start.COLD, Start.PREWARM):
        # A stem cell was made before anyone waited for it.
        report.container_ms = handle.container_ms if effect.start is Start.COLD else None
        report.init_ms = handle.init_ms
        waited_ms -= (report.container_ms or 0.0) + (report.init_ms or 0.0)
    report.queue_ms = round(max(0.0, waited_ms), 3)
    event(
        logger,
        logging.INFO,
        "activation-started",
        **activation.ids,
        action=activation.message.action.fully_qualified,
        start=report.start,
        reason=report.reason,
        container=handle.container.id[:12] if handle.container else None,
        worker=effect.worker,
        queue_ms=report.queue_ms,
        trace_context=activation.message.trace_context,
    )
    return report


async def _kill_worker(container: AnyContainer, worker: str, activation: Activation) -> bool:
    """Whether the worker was ended; a container that cannot do that, or is dead, is not kept."""
    try:
        await container.kill_worker(worker)
    except SystemFault as fault:
        event(logger, logging.WARNING, "worker-not-killed", **activation.ids, error=str(fault))
        return False
    return True


async def _resume(handle: Handle, activation: Activation) -> bool:
    """Wake a paused container; whether it woke (behaviour 67)."""
    assert handle.container is not None
    async with handle.lifecycle:
        if not handle.paused:
            return True
        begun_ns = time.monotonic_ns()
        try:
            await handle.container.resume()
        except SystemFault as fault:
            event(logger, logging.WARNING, "resume-failed", **activation.ids, error=str(fault))
            return False
        handle.paused = False
        event(logger, logging.DEBUG, "resumed", resume_ms=since_ms(begun_ns))
        return True


def _returned(effect: Run, outcome: HttpOutcome, resumed: bool) -> JobReturned | None:
    """Whether nothing ran, so that the job may be placed anew (behaviours 69-71)."""
    if outcome.status == CONFLICT and effect.worker is not None and "exit" not in outcome.swift:
        return JobReturned(effect.container, effect.job.activation_id, keep_container=True)
    reused = resumed or effect.start in (Start.WARM, Start.FORK)
    if (outcome.failure == "refused" and reused) or outcome.status == UNAVAILABLE:
        return JobReturned(effect.container, effect.job.activation_id)
    return None


def _record(
    activation: Activation,
    handle: Handle,
    outcome: HttpOutcome,
    response: ActivationResponse,
    report: StartReport,
) -> ActivationRecord:
    if report.run_ms is None:
        report.run_ms = float(outcome.duration_ms)
    paid = handle.paid_by(activation.message.activation_id)
    return records.record_of(
        activation,
        response,
        handle.init if paid else None,
        Interval(outcome.start_ms, outcome.end_ms),
        answer.timed_out(outcome, activation.action.limits.timeout_ms),
        report,
        wall_ms(),
    )


def _log_finished(activation: Activation, record: ActivationRecord, report: StartReport) -> None:
    event(
        logger,
        logging.INFO,
        "activation-finished",
        **activation.ids,
        status=record.response.status_code,
        start=report.start,
        duration_ms=record.duration_ms,
        run_ms=report.run_ms,
        fork_ms=report.fork_ms,
        rdma_ms=report.rdma_ms,
    )


def _log_returned(activation: Activation, handle: Handle, outcome: HttpOutcome) -> None:
    event(
        logger,
        logging.WARNING,
        "activation-returned",
        **activation.ids,
        container=handle.container.id[:12] if handle.container else None,
        status=outcome.status,
        reason=outcome.reason or outcome.body[:200].decode(errors="replace"),
    )
