"""Answers for activations that never ran: their container failed, or the invoker did."""

from __future__ import annotations

from invoker_plugin.invoker import health_action, records
from invoker_plugin.invoker.activation import Activation
from invoker_plugin.invoker.clock import wall_ms
from invoker_plugin.invoker.finisher import Finisher
from invoker_plugin.invoker.handle import Handle, StartFailure
from invoker_plugin.wire import texts
from invoker_plugin.wire.response import ActivationResponse


class Unbegun:
    """Each gets a record and an ack, and counts as not started."""

    def __init__(self, finisher: Finisher) -> None:
        self._finisher = finisher

    async def answer(self, activation: Activation, text: str = texts.RESOURCE_PROVISION) -> None:
        """It is the system's fault, in the words of ``text``."""
        response = ActivationResponse.whisk_error(text)
        self._finisher.metrics.unstarted(response.status_code)
        record = records.record_of(activation, response, None, None, False, None, wall_ms())
        await self._finisher.finish_without_container(activation, record)

    async def answer_aborted(
        self, activation: Activation, handle: Handle, text: str | None = None
    ) -> None:
        """With the failure of the container it waited for; ``text`` is said in its place."""
        failure = handle.failure or StartFailure(
            ActivationResponse.whisk_error(texts.RESOURCE_PROVISION)
        )
        if text is not None:
            failure = StartFailure(ActivationResponse.whisk_error(text))
        self._finisher.metrics.unstarted(failure.response.status_code)
        health_action.log_result(activation.message, failure.response)
        paid = handle.paid_by(activation.message.activation_id) and failure.outcome is not None
        record = records.record_of(
            activation,
            failure.response,
            handle.init if paid else None,
            None,
            failure.timed_out,
            None,
            wall_ms(),
        )
        if paid and failure.outcome is not None:
            await self._finisher.finish(activation, record, handle, failure.outcome)
        else:
            await self._finisher.finish_without_container(activation, record)
