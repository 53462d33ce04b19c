"""Ends an activation: answers, collects its logs, stores its record, frees its slot."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Protocol

from prometheus_client import CollectorRegistry

from invoker_plugin.containers import log_line
from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.errors import InvokerError
from invoker_plugin.invoker import answer, health_action, records
from invoker_plugin.invoker.acknowledger import Acknowledger
from invoker_plugin.invoker.activation import Activation
from invoker_plugin.invoker.admission import Blocked, unresolved
from invoker_plugin.invoker.clock import since_ms, wall_ms
from invoker_plugin.invoker.handle import Handle
from invoker_plugin.log import event
from invoker_plugin.metrics.activations import ActivationMetrics
from invoker_plugin.store.levels import StoreLevels
from invoker_plugin.wire import texts
from invoker_plugin.wire.activation import ActivationMessage
from invoker_plugin.wire.record import ActivationRecord
from invoker_plugin.wire.response import DEVELOPER_ERROR

logger = logging.getLogger(__name__)


class RecordSink(Protocol):
    """What is needed of the store."""

    async def store(self, record: ActivationRecord) -> None:
        """Take the record; a failure to write it never comes back here (behaviour 127)."""

    async def expect(self, record: ActivationRecord) -> None:
        """Keep the record for the case that the process ends before :meth:`store`."""


class Finisher:
    """The end of every activation that parsed (behaviours 113, 125, 131, 132)."""

    def __init__(
        self,
        acknowledger: Acknowledger,
        sink: RecordSink,
        levels: StoreLevels | None = None,
        metrics: ActivationMetrics | None = None,
    ) -> None:
        self._acks = acknowledger
        self._sink = sink
        self._levels = levels or StoreLevels()
        self.metrics = metrics or ActivationMetrics(CollectorRegistry())

    async def finish(
        self,
        activation: Activation,
        record: ActivationRecord,
        handle: Handle,
        outcome: HttpOutcome,
    ) -> bool:
        """End an activation whose container answered or failed to; whether its logs are whole.

        Blocking with logs: the result at once, the completion when the logs are stored. Without
        logs to collect, one combined ack. Non-blocking: only the completion.
        """
        message = activation.message
        if not activation.log_limit_bytes:
            await self._store(record, message)
            if message.blocking:
                await self._acks.combined(message, record)
            else:
                await self._acks.completion(message, record)
            return True
        if message.blocking and outcome.logged_nothing:
            # The record is whole already, so it is written once, and there is nothing to wait for.
            await self._store(record, message)
            await self._acks.result(message, record)
            await self._acks.completion(message, record)
            return True
        if message.blocking:
            await self._expect(record, message)
            _, logs = await asyncio.gather(
                self._acks.result(message, record),
                self._collect(activation, record, handle, outcome),
            )
        else:
            logs = await self._collect(activation, record, handle, outcome)
        await self._store(replace(record, logs=logs.lines) if logs.lines else record, message)
        await self._acks.completion(message, record)
        return logs.complete

    async def finish_without_container(
        self, activation: Activation, record: ActivationRecord
    ) -> None:
        """End an activation that never reached a container."""
        message = activation.message
        await self._store(record, message)
        if message.blocking:
            await self._acks.combined(message, record)
        else:
            await self._acks.completion(message, record)

    async def refuse(self, message: ActivationMessage, fault: InvokerError) -> None:
        """Answer a message whose action could not be resolved (behaviours 24-29)."""
        event(
            logger,
            logging.WARNING,
            "activation-refused",
            activation=message.activation_id,
            transid=message.transid.id,
            action=message.action.fully_qualified,
            error=str(fault),
        )
        response = answer.fault_response(unresolved(fault))
        self.metrics.unstarted(response.status_code)
        health_action.log_result(message, response)
        record = records.fallback_record(message, response, wall_ms())
        if isinstance(fault, Blocked):
            await self._acks.shrunk(message, record)
            return
        await self._store(record, message)
        await self._acks.combined(message, record)

    async def _collect(
        self,
        activation: Activation,
        record: ActivationRecord,
        handle: Handle,
        outcome: HttpOutcome,
    ) -> LogCollection:
        assert handle.container is not None
        developer_error = record.response.status_code == DEVELOPER_ERROR
        begun_ns = time.monotonic_ns()
        logs = await handle.container.collect_logs(
            activation.message.activation_id,
            activation.log_limit_bytes,
            expect_sentinels=activation.managed and not developer_error,
            outcome=outcome,
            developer_error=developer_error,
        )
        self.metrics.logs.observe(since_ms(begun_ns) / 1000)
        if not logs.complete:
            event(logger, logging.WARNING, "logs-incomplete", **activation.ids)
        return logs

    async def _store(self, record: ActivationRecord, message: ActivationMessage) -> None:
        """Have the record written, unless the operator or the namespace wants none (126)."""
        if self._wanted(record, message):
            await self._sink.store(record)

    async def _expect(self, record: ActivationRecord, message: ActivationMessage) -> None:
        """Once its caller is answered there will be a record, should we end before the logs."""
        if self._wanted(record, message):
            notice = log_line.notice(texts.LOG_FAILURE)
            await self._sink.expect(replace(record, logs=(notice,)))

    def _wanted(self, record: ActivationRecord, message: ActivationMessage) -> bool:
        return self._levels.wants(
            record.response,
            blocking=message.blocking,
            namespace_stores=message.user.limits.store_activations,
            debug=message.transid.extra_logging,
        )
