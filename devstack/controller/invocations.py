"""Activations on their way: placed, sent, acknowledged, given up after a time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from devstack.controller.acks import Ack
from devstack.controller.balancer import Balancer, Placement
from devstack.controller.eligibility import eligible, nobody
from devstack.controller.faults import Unavailable
from devstack.controller.kafka import BusFault
from devstack.controller.messages import HEALTH_TRANSACTION, Invocation, health_message
from devstack.controller.pings import Ping
from devstack.controller.supervision import Outcome

Json = Any
Record = Mapping[str, Json]
logger = logging.getLogger(__name__)
_LEAST_LIMIT_MS = 60_000
_LIMIT_FACTOR = 2
_ADDITION_MS = 60_000
_FIRST_POLL_SECONDS = 0.05
_LAST_POLL_SECONDS = 1.0


class Sender(Protocol):
    """The part of the bus that is needed here."""

    async def send(self, topic: str, value: bytes) -> None:
        """Send to a topic; raises :class:`BusFault`."""


class Invokers(Protocol):
    """The part of the supervision that is needed here."""

    def healthy(self) -> list[Ping]:
        """Those that may be given work."""

    def finished(self, instance: int, outcome: Outcome) -> None:
        """Told how each activation ended."""


FindRecord = Callable[[str, str], Awaitable["Record | None"]]


@dataclass
class Flight:
    """An activation that was sent and not yet completed."""

    invocation: Invocation
    placement: Placement
    result: asyncio.Future[Record | None]
    """Set by the result ack; None then means: ended, but look for the record in the store."""
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


def ack_timeout_ms(limit_ms: int) -> int:
    """How long to wait for a completion of an action with this limit (behaviour 142)."""
    return max(limit_ms, _LEAST_LIMIT_MS) * _LIMIT_FACTOR + _ADDITION_MS


class Invocations:
    """All activations in flight. To be used from the event loop only."""

    def __init__(
        self,
        sender: Sender,
        invokers: Invokers,
        find_record: FindRecord,
        controller_id: str,
        clock_ms: Callable[[], int],
    ) -> None:
        self._sender = sender
        self._invokers = invokers
        self._find_record = find_record
        self._controller_id = controller_id
        self._clock_ms = clock_ms
        self._balancer = Balancer()
        self._flights: dict[str, Flight] = {}
        self._tests: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """How many were sent and are not completed."""
        return len(self._flights)

    async def publish(self, invocation: Invocation) -> Flight:
        """Place and send; raises :class:`Unavailable` with no invoker healthy or Kafka away."""
        action = invocation.action
        limits = action["limits"]
        healthy = self._invokers.healthy()
        placement = self._balancer.place(
            f"{action['namespace']}/{action['name']}",
            limits["memory"],
            limits["concurrency"],
            eligible(action, healthy),
        )
        if placement is None:
            raise Unavailable(nobody(action, healthy))
        flight = self._take_off(invocation, placement)
        try:
            await self._send(placement.instance, invocation.message(self._controller_id))
        except BusFault as error:
            self._land(flight)
            raise Unavailable(str(error)) from error
        return flight

    def test(self, instance: int) -> None:
        """Send a health test activation; it holds no slot and a failure to send is logged."""

        async def send() -> None:
            try:
                now_ms = self._clock_ms()
                await self._send(instance, health_message(self._controller_id, now_ms))
            except BusFault as error:
                logger.warning("invoker%d: health test not sent: %s", instance, error)

        task = asyncio.get_running_loop().create_task(send())
        self._tests.add(task)
        task.add_done_callback(self._tests.discard)

    def acknowledged(self, ack: Ack) -> None:
        """An ack arrived: hand its result on, free the slot if it says so."""
        if ack.transaction_id == HEALTH_TRANSACTION:
            if ack.invoker is not None:
                self._invokers.finished(ack.invoker, _outcome(ack))
            return
        flight = self._flights.get(ack.activation_id)
        if flight is None:
            logger.debug("activation %s: ack for none in flight", ack.activation_id)
            return
        if ack.carries_result and not flight.result.done():
            flight.result.set_result(ack.record)
        if ack.completes:
            self._land(flight)
            self._invokers.finished(flight.placement.instance, _outcome(ack))

    async def outcome(self, flight: Flight, wait_ms: int) -> Record | None:
        """The record, None when it did not come within ``wait_ms``.

        From the ack, or from the store where the ack could not carry it or was lost.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_ms / 1000
        try:
            waiting = asyncio.shield(flight.result)
            record = await asyncio.wait_for(waiting, deadline - loop.time())
        except asyncio.TimeoutError:
            record = None
        if record is not None:
            return record
        return await self._poll(flight.invocation, deadline)

    async def _poll(self, invocation: Invocation, deadline: float) -> Record | None:
        """Look into the store, at least once, until ``deadline``, ever less often."""
        loop = asyncio.get_running_loop()
        pause_seconds = _FIRST_POLL_SECONDS
        while True:
            namespace = invocation.identity.namespace
            record = await self._find_record(namespace, invocation.activation_id)
            if record is not None or loop.time() + pause_seconds > deadline:
                return record
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, _LAST_POLL_SECONDS)

    def _take_off(self, invocation: Invocation, placement: Placement) -> Flight:
        loop = asyncio.get_running_loop()
        flight = Flight(invocation, placement, loop.create_future())
        wait_ms = ack_timeout_ms(invocation.action["limits"]["timeout"])
        flight.timer = loop.call_later(wait_ms / 1000, self._give_up, flight, wait_ms)
        self._flights[invocation.activation_id] = flight
        if placement.overloaded:
            logger.warning(
                "activation %s: no invoker has %d MB free, queued at invoker%d",
                invocation.activation_id,
                invocation.action["limits"]["memory"],
                placement.instance,
            )
        return flight

    def _land(self, flight: Flight) -> None:
        """Free the slot; whoever still waits for a result looks into the store."""
        if self._flights.pop(flight.invocation.activation_id, None) is None:
            return
        if flight.timer is not None:
            flight.timer.cancel()
        self._balancer.release(flight.placement)
        if not flight.result.done():
            flight.result.set_result(None)

    def _give_up(self, flight: Flight, waited_ms: int) -> None:
        """Forced completion: the invoker never acknowledged."""
        logger.warning(
            "activation %s: no completion from invoker%d within %d ms, slot freed by force",
            flight.invocation.activation_id,
            flight.placement.instance,
            waited_ms,
        )
        self._land(flight)
        self._invokers.finished(flight.placement.instance, Outcome.TIMEOUT)

    async def _send(self, instance: int, message: dict[str, Json]) -> None:
        value = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        await self._sender.send(f"invoker{instance}", value.encode("utf-8"))


def _outcome(ack: Ack) -> Outcome:
    return Outcome.SYSTEM_ERROR if ack.system_error else Outcome.SUCCESS
