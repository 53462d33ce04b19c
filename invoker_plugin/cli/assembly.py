"""Puts an invoker together from its settings, and takes it apart in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import Any

from invoker_plugin.bus.feed import MessageFeed
from invoker_plugin.bus.interface import Bus, Consumer, TopicSettings
from invoker_plugin.bus.journal import Journal
from invoker_plugin.bus.opening import invoker_topic, open_bus
from invoker_plugin.cli.shares import forced_start, instance_of, max_peek, pool_settings
from invoker_plugin.cli.standing import standing
from invoker_plugin.config.settings import Settings
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.factory import ContainerFactory
from invoker_plugin.containers.names import ContainerNames
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.health.heartbeat import Heartbeat
from invoker_plugin.health.maintenance import Maintenance
from invoker_plugin.health.pinger import Pinger
from invoker_plugin.health.service_manager import ServiceManager
from invoker_plugin.health.stem_cells import StemCellProbe
from invoker_plugin.invoker.acknowledger import Acknowledger
from invoker_plugin.invoker.admission import Admission, AdmissionSettings
from invoker_plugin.invoker.drain import Drain
from invoker_plugin.invoker.driver import Driver
from invoker_plugin.invoker.finisher import Finisher
from invoker_plugin.invoker.invoker import Invoker, Parts
from invoker_plugin.invoker.runtimes import Runtimes
from invoker_plugin.invoker.starter import Starter
from invoker_plugin.log import event
from invoker_plugin.metrics.loop_lag import LoopLag
from invoker_plugin.metrics.metrics import Metrics
from invoker_plugin.metrics.standing import Standing
from invoker_plugin.pool import Pool
from invoker_plugin.server import tls
from invoker_plugin.server.admin import ASKED_BY_REQUEST, AdminServer, Scrape
from invoker_plugin.store.opening import open_store
from invoker_plugin.verbs.watch import DeviceWatch
from invoker_plugin.wire.instance import InvokerInstance

logger = logging.getLogger(__name__)

LAST_LOOK_S = 1.0
"""For who asked for the drain, to see how it ended."""
CLEANING_S = 90.0
"""More than the removal of containers, with the answers that follow from it, ever takes."""


class Assembly:
    """Everything an invoker is made of, by its settings. Start it, stop it, close it.

    ``bus`` and ``engine`` take the place of Kafka and of Docker: for benchmarks of all the rest.
    """

    def __init__(
        self, settings: Settings, bus: Bus | None = None, engine: Engine | None = None
    ) -> None:
        self._settings = settings
        prefix = settings.kafka.topic_prefix
        instance = instance_of(settings)
        self._bus = bus or open_bus(settings)
        self._producer = self._bus.producer()
        self._store = open_store(settings.store, settings.topic)
        self._block_list: asyncio.Task[None] | None = None
        self._metrics = Metrics(instance.source)
        self._loop_lag = LoopLag()
        self._store.records.on_stored = self._record_stored
        self._factory = ContainerFactory(
            ContainerSettings.from_settings(settings), engine, self._metrics.docker.called
        )
        self._consumer: Consumer | None = None
        self._journal: Journal | None = None
        self._feed: MessageFeed | None = None
        self._pinger = Pinger(
            self._producer,
            f"{prefix}health",
            instance,
            [self._docker_well, self._consumer_well],
            Maintenance(settings.invoker.disabled_file),
        )
        self.drain = Drain(settings.invoker.drain_limit_ms / 1000)
        self.invoker = self._make_invoker(instance)
        self._devices = DeviceWatch(
            bool(settings.containers.rdma_device),
            settings.containers.verbs_cache,
            self._driver.devices_changed,
        )
        self._manager = ServiceManager.of(os.environ)
        self._heartbeat: asyncio.Task[None] | None = None
        self._measuring: asyncio.Task[None] | None = None
        self._server = AdminServer(
            self._pinger,
            self.drain,
            settings.server.username,
            settings.server.password,
            self.state,
            self._scrape(),
        )

    @property
    def _events_topic(self) -> str:
        return f"{self._settings.kafka.user_event_prefix}events"

    @property
    def port(self) -> int:
        """The port of the admin endpoints."""
        return self._server.port

    async def start(self) -> None:
        """Start all parts; raises ``InvokerError`` for what cannot be had."""
        settings = self._settings
        await self._bus.ensure_topic(settings.topic, invoker_topic(settings))
        if settings.invoker.user_events:
            await self._bus.ensure_topic(self._events_topic, TopicSettings())
        await self._store.blocked.refresh()
        self._block_list = asyncio.ensure_future(self._store.blocked.run())
        await self._store.records.start()
        await self._devices.start()
        peek = max_peek(settings)
        self._consumer = self._bus.consumer(settings.topic, settings.topic, peek)
        kafka, server = settings.kafka, settings.server
        if kafka.journal_directory:
            self._journal = Journal.of(kafka.journal_directory, settings.topic, kafka.hosts)
        self._feed = MessageFeed(self._consumer, self.invoker.take, peek, peek, self._journal)
        await self._server.start(server.host, server.port, tls.context(server))
        await self.invoker.start(self._feed)
        if not self._pinger.enabled:
            file = settings.invoker.disabled_file
            event(logger, logging.WARNING, "started-disabled", file=file)
        heartbeat = Heartbeat(self._manager, self._consuming, self.invoker.stuck, self._status)
        self._heartbeat = asyncio.ensure_future(heartbeat.run())
        self._measuring = asyncio.ensure_future(self._loop_lag.run())

    async def stop(self) -> bool:
        """Drain, then close everything; whether all activations ended in time."""
        slack_s = self._settings.store.flush_limit_ms / 1000 + CLEANING_S
        self._manager.stopping(self._status(), self.drain.left_s + slack_s)
        ended = await self.invoker.drain()
        await self.close()
        return ended

    async def close(self) -> None:
        """Flush what is on its way, and let go of everything; ``GET /state`` answers to the end."""
        if self._block_list is not None:
            self._block_list.cancel()
        await self._devices.stop()
        await self._acknowledger.settled()
        await self._store.close()
        await self._producer.flush()
        await self._bus.close()
        await self._factory.close()
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        self.invoker.phase, self.drain.step = "down", "done"
        if self.drain.asked_by == ASKED_BY_REQUEST:
            await asyncio.sleep(LAST_LOOK_S)
        for task in (self._heartbeat, self._measuring):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await self._server.stop()

    def state(self) -> dict[str, Any]:
        """What ``GET /state`` tells (docs/operating.md)."""
        records = self._store.records
        told = self.invoker.state()
        told["name"] = self._pinger.name
        told["pings"] = {
            "enabled": self._pinger.enabled,
            "ill": self._pinger.ill,
            "sent": self._pinger.sent,
        }
        told.update(self._factory.figures())
        told["records"] = {
            "queued": records.queued,
            "queued_bytes": records.queued_bytes,
            "stored": records.stored,
            "lost": records.lost,
        }
        if self._feed is not None:
            told["feed"] = {"read_ahead": self._feed.buffered, "taken": self._feed.in_flight}
        return told

    def _make_invoker(self, instance: InvokerInstance) -> Invoker:
        settings = self._settings
        prefix = settings.kafka.topic_prefix
        limit_bytes = settings.limits.payload_bytes
        runtimes = Runtimes(settings.manifest)
        admission = Admission(
            AdmissionSettings(
                settings.limits.system(),
                settings.pool.user_memory_mb,
                settings.pool.slots,
                settings.pool.spares,
                settings.encryption.keys,
                forced_start(settings),
            ),
            self._store.actions,
            self._store.blocked,
            runtimes,
        )
        events = self._events_topic if settings.invoker.user_events else None
        self._acknowledger = Acknowledger(self._producer, instance, prefix, events)
        finisher = Finisher(
            self._acknowledger,
            self._store.records,
            self._store.levels,
            self._metrics.activations,
        )
        number, unique_name = instance.instance, settings.invoker.unique_name
        names = ContainerNames(number, unique_name)
        starter = Starter(self._factory, names, runtimes, limit_bytes)
        self._driver = driver = Driver(
            Pool(pool_settings(settings)),
            starter,
            finisher,
            self._feed_more,
            limit_bytes,
            self._metrics.containers,
        )
        probe = stem_cell_probe(settings, driver)
        return Invoker(
            Parts(
                self._factory,
                admission,
                driver,
                finisher,
                self._pinger,
                probe,
                self._lag,
                self._metrics,
                self.drain,
            )
        )

    def _scrape(self) -> Scrape | None:
        wanted = self._settings.server.metrics
        if wanted == "off":
            return None
        return Scrape(lambda: self._metrics.text(self._standing), wanted == "login")

    def _standing(self) -> Standing:
        return standing(
            self.invoker,
            self._driver,
            self._pinger,
            self._store.records,
            self._feed,
            self._loop_lag.take_ms(),
            self._factory.figures()["ready_networks"],
        )

    def _record_stored(self, waited_ms: int) -> None:
        self._metrics.activations.stored.observe(waited_ms / 1000)

    def _feed_more(self, count: int) -> None:
        self.invoker.feed_more(count)

    async def _lag(self) -> int | None:
        if self._consumer is None or not self._consumer.connected:
            return None
        return await self._consumer.lag()

    async def _docker_well(self) -> str | None:
        return None if await self._factory.healthy() else "Docker does not answer"

    async def _consumer_well(self) -> str | None:
        if not self._consuming():
            return "the consumer has no connection to Kafka"
        return None if self._feed is None else self._feed.silent()

    def _consuming(self) -> bool:
        return self._consumer is not None and self._consumer.connected

    def _status(self) -> str:
        """One line for the service manager."""
        in_flight = self.invoker.in_flight
        if self.drain.asked_by is not None:
            return f"draining for {self.drain.asked_by}: {self.drain.step}, {in_flight} in flight"
        if not self._pinger.enabled:
            return f"disabled; {in_flight} in flight"
        if self._pinger.ill is not None:
            return f"no pings: {self._pinger.ill}"
        return f"{self.invoker.phase}; {in_flight} in flight"


def stem_cell_probe(settings: Settings, driver: Driver) -> StemCellProbe | None:
    """The probe of stem cells, where the operator wants one."""
    containers = settings.containers
    if not containers.health_check:
        return None
    return StemCellProbe(
        driver.stem_cells,
        driver.stem_cell_lost,
        containers.health_check_period_ms / 1000,
        containers.health_check_fails,
    )
