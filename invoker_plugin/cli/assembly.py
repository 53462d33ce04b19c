"""Puts an invoker together from its settings, and takes it apart in order."""

from __future__ import annotations

import asyncio
import logging
import random

from invoker_plugin.bus.feed import MessageFeed
from invoker_plugin.bus.interface import Bus, Consumer, TopicSettings
from invoker_plugin.bus.journal import Journal
from invoker_plugin.bus.opening import invoker_topic, open_bus
from invoker_plugin.config.settings import Settings
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.factory import ContainerFactory
from invoker_plugin.containers.names import ContainerNames
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.health.pinger import Pinger
from invoker_plugin.health.stem_cells import StemCellProbe
from invoker_plugin.invoker.acknowledger import Acknowledger
from invoker_plugin.invoker.admission import Admission, AdmissionSettings
from invoker_plugin.invoker.driver import Driver
from invoker_plugin.invoker.finisher import Finisher
from invoker_plugin.invoker.invoker import Invoker, Parts
from invoker_plugin.invoker.runtimes import Runtimes
from invoker_plugin.invoker.starter import Starter
from invoker_plugin.pool import Pool, PoolSettings, PrewarmTarget
from invoker_plugin.server.admin import AdminServer
from invoker_plugin.store.opening import open_store
from invoker_plugin.wire.instance import InvokerInstance

logger = logging.getLogger(__name__)

MIB = 1024 * 1024


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
        self._factory = ContainerFactory(ContainerSettings.from_settings(settings), engine)
        self._consumer: Consumer | None = None
        self._journal: Journal | None = None
        self._pinger = Pinger(
            self._producer, f"{prefix}health", instance, [self._docker_well, self._consumer_well]
        )
        self.invoker = self._make_invoker(instance)
        self._server = AdminServer(
            self._pinger,
            settings.server.username,
            settings.server.password,
            self.invoker.state,
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
        peek = max_peek(settings)
        self._consumer = self._bus.consumer(settings.topic, settings.topic, peek)
        kafka = settings.kafka
        if kafka.journal_directory:
            self._journal = Journal.of(kafka.journal_directory, settings.topic, kafka.hosts)
        feed = MessageFeed(self._consumer, self.invoker.take, peek, peek, self._journal)
        await self._server.start(settings.server.host, settings.server.port)
        await self.invoker.start(feed)

    async def stop(self) -> bool:
        """Drain, then close everything; whether all activations ended in time."""
        ended = await self.invoker.drain(self._settings.invoker.drain_limit_ms / 1000)
        await self.close()
        return ended

    async def close(self) -> None:
        """Flush what is on its way, and let go of everything."""
        await self._server.stop()
        if self._block_list is not None:
            self._block_list.cancel()
        await self._acknowledger.settled()
        await self._store.close()
        await self._producer.flush()
        await self._bus.close()
        await self._factory.close()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

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
                settings.encryption.keys,
            ),
            self._store.actions,
            self._store.blocked,
            runtimes,
        )
        events = self._events_topic if settings.invoker.user_events else None
        self._acknowledger = Acknowledger(self._producer, instance, prefix, events)
        finisher = Finisher(self._acknowledger, self._store.records, self._store.levels)
        number, unique_name = instance.instance, settings.invoker.unique_name
        names = ContainerNames(number, unique_name)
        starter = Starter(self._factory, names, runtimes, limit_bytes)
        driver = Driver(
            Pool(pool_settings(settings)), starter, finisher, self._feed_more, limit_bytes
        )
        probe = stem_cell_probe(settings, driver)
        return Invoker(
            Parts(self._factory, admission, driver, finisher, self._pinger, probe, self._lag)
        )

    def _feed_more(self, count: int) -> None:
        self.invoker.feed_more(count)

    async def _lag(self) -> int | None:
        if self._consumer is None or not self._consumer.connected:
            return None
        return await self._consumer.lag()

    async def _docker_well(self) -> str | None:
        return None if await self._factory.healthy() else "Docker does not answer"

    async def _consumer_well(self) -> str | None:
        well = self._consumer is not None and self._consumer.connected
        return None if well else "the consumer has no connection to Kafka"


def instance_of(settings: Settings) -> InvokerInstance:
    """How this invoker names itself in pings and acks."""
    assert settings.invoker.id is not None
    return InvokerInstance(
        settings.invoker.id,
        settings.invoker.displayed_name,
        settings.invoker.unique_name,
        settings.pool.user_memory_mb * MIB,
        settings.invoker.tags,
        settings.invoker.dedicated_namespaces,
    )


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


def max_peek(settings: Settings) -> int:
    """Messages to read at most at once: as many actions as fit, more with concurrency (12)."""
    smallest = max(1, settings.pool.user_memory_mb // settings.limits.memory_min_mb)
    most_concurrent = settings.limits.concurrency_max
    if most_concurrent <= 1:
        return smallest
    scaled = smallest * most_concurrent * settings.pool.concurrent_peek_factor
    return max(smallest, round(scaled))


def pool_settings(settings: Settings) -> PoolSettings:
    """The pool's share of the settings; the check's time gets its random part here."""
    pool = settings.pool
    return PoolSettings(
        memory_mb=pool.user_memory_mb,
        pause_grace_ms=pool.pause_grace_ms,
        idle_timeout_ms=pool.idle_container_ms,
        prewarm=tuple(prewarm_targets(settings)),
        prewarm_check_ms=pool.prewarm_check_ms + random.randint(0, pool.prewarm_check_variance_ms),
        prewarm_expiration_limit=pool.prewarm_expiration_limit,
    )


def prewarm_targets(settings: Settings) -> list[PrewarmTarget]:
    """The manifest's stem cells."""
    targets = []
    for runtime in settings.manifest.runtimes.values():
        for cell in runtime.stem_cells:
            reactive = cell.reactive
            targets.append(
                PrewarmTarget(runtime.kind, cell.memory_mb, cell.initial_count, cell.initial_count)
                if reactive is None
                else PrewarmTarget(
                    runtime.kind,
                    cell.memory_mb,
                    reactive.min_count,
                    reactive.max_count,
                    reactive.ttl_ms,
                    reactive.threshold,
                    reactive.increment,
                )
            )
    return targets
