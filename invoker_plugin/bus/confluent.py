"""The default transport: confluent-kafka, which is librdkafka."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from invoker_plugin.bus import security
from invoker_plugin.bus.confluent_consumer import ConfluentConsumer
from invoker_plugin.bus.confluent_producer import ConfluentProducer
from invoker_plugin.bus.interface import Consumer, Producer, TopicSettings
from invoker_plugin.config.kafka import KafkaSettings
from invoker_plugin.errors import ConfigurationError, SystemFault
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

TOPIC_TRIES = 12
TOPIC_PAUSE_S = 5.0
_ADMIN_TIMEOUT_S = 10.0
_DELIVERY_TIMEOUT_MS = 120_000
_SEND_RETRIES = 3


class ConfluentBus:
    """A connection by librdkafka. ``extra`` are its options, for tests (``test.mock...``)."""

    def __init__(
        self,
        settings: KafkaSettings,
        message_bytes: int,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self._settings = settings
        self._message_bytes = message_bytes
        self._common = {**_common(settings), **(extra or {})}
        self._consumers: list[ConfluentConsumer] = []
        self._producers: list[ConfluentProducer] = []

    @property
    def connected(self) -> bool:
        """Whether every consumer and producer of it is."""
        clients: list[Consumer | Producer] = [*self._consumers, *self._producers]
        return all(client.connected for client in clients)

    async def ensure_topic(self, name: str, settings: TopicSettings) -> None:
        """See :meth:`invoker_plugin.bus.interface.Bus.ensure_topic`."""
        loop = asyncio.get_running_loop()
        for attempt in range(1, TOPIC_TRIES + 1):
            error = await loop.run_in_executor(None, self._create, name, settings)
            if error is None:
                return
            if not _may_pass(error) or attempt == TOPIC_TRIES:
                raise SystemFault(f"topic {name} cannot be created: {error.str()}")
            event(
                logger,
                logging.WARNING,
                "topic-not-created-yet",
                topic=name,
                error=error.str(),
                tries_left=TOPIC_TRIES - attempt,
            )
            await asyncio.sleep(TOPIC_PAUSE_S)

    def _create(self, name: str, settings: TopicSettings) -> KafkaError | None:
        try:
            admin = AdminClient(self._common, logger=logger)
            topic = NewTopic(
                name,
                num_partitions=1,
                replication_factor=settings.replication_factor,
                config=dict(settings.to_config()),
            )
            created = admin.create_topics([topic], request_timeout=_ADMIN_TIMEOUT_S)
            created[name].result()
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            return None if error.code() == KafkaError.TOPIC_ALREADY_EXISTS else error
        return None

    def consumer(self, topic: str, group: str, max_peek: int) -> ConfluentConsumer:
        """See :meth:`invoker_plugin.bus.interface.Bus.consumer`."""
        settings = self._settings
        options = {
            **self._common,
            "group.id": group,
            # A restarted invoker takes its place again at once, without the 30 s that a broker
            # waits for a dead one; and a second one under the same number fences the first.
            "group.instance.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": settings.session_timeout_ms,
            "heartbeat.interval.ms": settings.heartbeat_interval_ms,
            "max.poll.interval.ms": max(settings.max_poll_interval_ms, settings.session_timeout_ms),
            "fetch.wait.max.ms": settings.fetch_max_wait_ms,
            "fetch.min.bytes": 1,
            # Without these a fetch after an idle time or a full queue waits for up to 1 s.
            "fetch.error.backoff.ms": 50,
            "fetch.queue.backoff.ms": 20,
            # What is read ahead here lies in Kafka all the same, but not in our memory.
            "queued.min.messages": max(2 * max_peek, 10),
            "queued.max.messages.kbytes": 16 * 1024,
        }
        consumer = ConfluentConsumer(options, topic)
        self._consumers.append(consumer)
        return consumer

    def producer(self) -> ConfluentProducer:
        """See :meth:`invoker_plugin.bus.interface.Bus.producer`."""
        settings = self._settings
        all_brokers = settings.acks in ("all", "-1")
        options = {
            **self._common,
            "acks": settings.acks,
            # Idempotence needs all replicas' acks; with fewer a retry may arrive twice, which
            # controllers pass over.
            "enable.idempotence": all_brokers,
            "linger.ms": 0,
            "message.max.bytes": self._message_bytes,
            "message.timeout.ms": _DELIVERY_TIMEOUT_MS,
            "request.timeout.ms": settings.request_timeout_ms,
            "retry.backoff.ms": 100,
        }
        if not all_brokers:
            options["message.send.max.retries"] = _SEND_RETRIES
        producer = ConfluentProducer(options)
        producer.open()
        self._producers.append(producer)
        return producer

    async def close(self) -> None:
        """See :meth:`invoker_plugin.bus.interface.Bus.close`."""
        for producer in self._producers:
            await producer.close()
        for consumer in self._consumers:
            await consumer.close()
        self._producers.clear()
        self._consumers.clear()


def _common(settings: KafkaSettings) -> dict[str, Any]:
    if not settings.hosts:
        raise ConfigurationError("kafka.hosts: is not set; give brokers as host:port")
    return {
        "bootstrap.servers": ",".join(settings.hosts),
        "client.id": "swift-invoker",
        # Its lines repeat what error_cb tells us, 40 times a second while brokers are down.
        "log_level": 2,
        "socket.nagle.disable": True,
        "socket.keepalive.enable": True,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2_000,
        "topic.metadata.refresh.interval.ms": 15_000,
        **security.for_librdkafka(settings),
    }


def _may_pass(error: KafkaError) -> bool:
    return error.retriable() or error.code() in (
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_CONTROLLER,
        KafkaError.INVALID_REPLICATION_FACTOR,  # too few brokers are up, until they are
    )
