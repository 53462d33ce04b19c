"""The invoker's life: start in order, run, drain, stop in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from invoker_plugin.bus.interface import Message
from invoker_plugin.containers.interface import AnyContainerFactory
from invoker_plugin.errors import InvokerError, MalformedMessage, SystemFault
from invoker_plugin.health.pinger import Pinger
from invoker_plugin.health.stem_cells import StemCellProbe
from invoker_plugin.invoker.admission import Admission
from invoker_plugin.invoker.drain import Drain
from invoker_plugin.invoker.driver import Driver
from invoker_plugin.invoker.finisher import Finisher
from invoker_plugin.invoker.intake import Intake, Lag
from invoker_plugin.invoker.state import snapshot
from invoker_plugin.log import event
from invoker_plugin.metrics.metrics import Metrics
from invoker_plugin.pool.events import Tick
from invoker_plugin.pool.figures import PoolFigures
from invoker_plugin.wire import texts
from invoker_plugin.wire.activation import ActivationMessage

logger = logging.getLogger(__name__)

TICK_S = 1.0
FIGURES_S = 10.0
DRAIN_LIMIT_S = 60.0
ANSWERING_S = 10.0
"""For the answers of activations that lost their container when the drain's limit was over."""
REMEMBERED_IDS = 10_000


class Feed(Protocol):
    """What is needed of the bus: messages are handed over up to a number, each freed once."""

    async def run(self) -> None:
        """Poll and hand over until stopped."""

    def stop(self) -> None:
        """Take nothing more from the bus; what was handed over stays handed over."""

    def processed(self, count: int = 1) -> None:
        """So many messages' places are free again."""

    def stuck(self) -> str | None:
        """What of it hangs, in words, or ``None``."""


@dataclass(slots=True)
class Parts:
    """What the invoker is made of, and closes at its end."""

    factory: AnyContainerFactory
    admission: Admission
    driver: Driver
    finisher: Finisher
    pinger: Pinger
    probe: StemCellProbe | None = None
    """Where the operator wants stem cells probed."""
    lag: Lag | None = None
    """Asks how many messages wait in Kafka."""
    metrics: Metrics = field(default_factory=Metrics)
    draining: Drain = field(default_factory=lambda: Drain(DRAIN_LIMIT_S))


class Invoker:
    """Takes messages, has them run, and ends without losing what it began.

    Order of shutdown: say goodbye and ping no more; take nothing more from the bus; finish what
    runs, up to a limit; remove the containers. The caller then flushes records and closes the bus.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._feed: Feed | None = None
        self._upkeep: list[asyncio.Task[None]] = []
        self._feeding: asyncio.Task[None] | None = None
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._admitting = 0
        self._intake = Intake(parts.lag, parts.metrics.intake)
        self.draining = parts.draining
        self.phase = "starting"

    async def start(self, feed: Feed) -> None:
        """Clear what an earlier run left, make the stem cells, ping, and begin to take messages."""
        self._feed = feed
        await self._parts.factory.start()
        self._parts.factory.on_exit(self._parts.driver.container_exited)
        self._parts.driver.happen(Tick())
        loop = asyncio.get_running_loop()
        upkeep = [self._tick(), self._tell_figures()]
        if self._parts.probe is not None:
            upkeep.append(self._parts.probe.run())
        self._upkeep = [loop.create_task(work) for work in upkeep]
        self._feeding = loop.create_task(feed.run())
        self._parts.pinger.start()
        self.phase = "up"

    async def take(self, message: Message) -> None:
        """Handle one message of the feed. It ends in an ack wherever one is owed."""
        self._admitting += 1
        self._intake.arrived(message)
        try:
            await self._take(message)
        finally:
            self._admitting -= 1

    async def drain(self, limit_s: float | None = None) -> bool:
        """Finish what was begun and remove the containers; whether all of it ended in time.

        The limit is that of whoever asked ``draining``, if ``None``.
        """
        if limit_s is not None or self.draining.asked_by is None:
            self.draining.ask("the invoker", limit_s)
        self.phase, self.draining.step = "draining", "finishing"
        await self._parts.pinger.stop()
        if self._feed is not None:
            self._feed.stop()
        ended = await self._finished()
        if not ended:
            self._give_up()
        await self._end_tasks()
        self.draining.step = "removing"
        await self._clean_up()
        if not ended:
            await self._settled(ANSWERING_S)
            await self._clean_up()  # What was still being made the first time.
        self.draining.step = "flushing"
        return ended

    async def failed(self) -> None:
        """Wait until a part of it dies, which none should, and raise what it died of."""
        assert self._feeding is not None
        tasks = [*self._upkeep, self._feeding]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    @property
    def in_flight(self) -> int:
        """Activations that were taken and have not ended."""
        return self._admitting + self._parts.driver.in_flight

    def stuck(self) -> str | None:
        """Which part of this process hangs, so that only a restart would help; or ``None``."""
        if self.phase != "up" or self._feed is None:
            return None
        return self._feed.stuck()

    def state(self) -> dict[str, Any]:
        """What it is doing now."""
        told = snapshot(self._parts.driver, self.phase)
        told["admitting"] = self._admitting
        told["drain"] = self.draining.told()
        return told

    async def _take(self, raw: Message) -> None:
        try:
            message = ActivationMessage.parse(raw.value)
        except MalformedMessage as fault:
            # Nobody can be answered; the consumer goes on (behaviour 17).
            event(logger, logging.ERROR, "message-malformed", offset=raw.offset, error=str(fault))
            self._intake.metrics.malformed.inc()
            self.feed_more(1)
            return
        if self._seen_before(message.activation_id):
            event(logger, logging.WARNING, "message-repeated", activation=message.activation_id)
            self._intake.metrics.repeated.inc()
            self.feed_more(1)
            return
        try:
            activation = await self._parts.admission.admit(message)
        except InvokerError as fault:
            await self._parts.finisher.refuse(message, fault)
            self.feed_more(1)
        except Exception:
            logger.exception("internal-error")
            await self._parts.finisher.refuse(message, SystemFault(texts.ACTION_FETCH_ERROR))
            self.feed_more(1)
        else:
            self._parts.driver.submit(activation)

    def feed_more(self, count: int) -> None:
        """Places of the feed are free again."""
        assert self._feed is not None
        self._feed.processed(count)

    def _seen_before(self, activation_id: str) -> bool:
        """Kafka may deliver twice after a rebalance; an activation must not run twice."""
        if activation_id in self._seen:
            return True
        self._seen[activation_id] = None
        if len(self._seen) > REMEMBERED_IDS:
            self._seen.popitem(last=False)
        return False

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._parts.driver.happen(Tick())

    async def _tell_figures(self) -> None:
        """What stock emits as metrics, as lines of the log."""
        while True:
            await asyncio.sleep(FIGURES_S)
            event(logger, logging.INFO, "intake", **await self._intake.report())
            figures = asdict(PoolFigures.of(self._parts.driver.pool))
            event(logger, logging.INFO, "pool", **figures)

    async def _end_tasks(self) -> None:
        for task in self._upkeep:
            task.cancel()
        ending = [*self._upkeep, self._feeding] if self._feeding is not None else self._upkeep
        for ended in ending:
            with contextlib.suppress(asyncio.CancelledError):
                await ended
        self._upkeep, self._feeding = [], None

    async def _finished(self) -> bool:
        """Whether all that was begun ended within the limit."""
        while self.in_flight:
            if self.draining.left_s <= 0:
                return False
            await asyncio.sleep(0.02)
        await self._settled(self.draining.left_s)
        return True

    def _give_up(self) -> None:
        """The limit is over: answer what has not begun now, the rest when its container goes."""
        left = self._parts.driver.give_up()
        self.draining.given_up = left + self._admitting
        event(logger, logging.ERROR, "drain-limit-reached", left=self.draining.given_up)

    async def _settled(self, limit_s: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._parts.driver.idle(), limit_s)

    async def _clean_up(self) -> None:
        try:
            removed = await self._parts.factory.clean_up()
            event(logger, logging.INFO, "containers-removed", count=removed)
        except SystemFault as fault:
            event(logger, logging.ERROR, "containers-left", error=str(fault))
