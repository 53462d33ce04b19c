"""The pure-Python transport: kafka-python, for those who cannot have librdkafka."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from invoker_plugin.bus import security
from invoker_plugin.bus.interface import Consumer, Producer, TopicSettings
from invoker_plugin.bus.kafka_python_consumer import KafkaPythonConsumer
from invoker_plugin.bus.kafka_python_producer import KafkaPythonProducer
from invoker_plugin.config.kafka import KafkaSettings
from invoker_plugin.errors import ConfigurationError, SystemFault
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

TOPIC_TRIES = 12
TOPIC_PAUSE_S = 5.0
_ADMIN_TIMEOUT_MS = 10_000
_DELIVERY_TIMEOUT_MS = 120_000
_SEND_RETRIES = 3
_BOOTSTRAP_TIMEOUT_MS = 5_000


class KafkaPythonBus:
    """A connection by kafka-python."""

    def __init__(self, settings: KafkaSettings, message_bytes: int) -> None:
        self._settings = settings
        self._message_bytes = message_bytes
        self._common = _common(settings)
        self._consumers: list[KafkaPythonConsumer] = []
        self._producers: list[KafkaPythonProducer] = []

    @property
    def connected(self) -> bool:
        """Whether every consumer and producer of it is."""
        clients: list[Consumer | Producer] = [*self._consumers, *self._producers]
        return all(client.connected for client in clients)

    async def ensure_topic(self, name: str, settings: TopicSettings) -> None:
        """See :meth:`invoker_plugin.bus.interface.Bus.ensure_topic`."""
        loop = asyncio.get_running_loop()
        for attempt in range(1, TOPIC_TRIES + 1):
            failure = await loop.run_in_executor(None, self._create, name, settings)
            if failure is None:
                return
            if not _may_pass(failure) or attempt == TOPIC_TRIES:
                raise SystemFault(f"topic {name} cannot be created: {failure}")
            event(
                logger,
                logging.WARNING,
                "topic-not-created-yet",
                topic=name,
                error=str(failure),
                tries_left=TOPIC_TRIES - attempt,
            )
            await asyncio.sleep(TOPIC_PAUSE_S)

    def _create(self, name: str, settings: TopicSettings) -> Exception | None:
        topic = NewTopic(
            name,
            num_partitions=1,
            replication_factor=settings.replication_factor,
            topic_configs=dict(settings.to_config()),
        )
        try:
            admin = KafkaAdminClient(**self._common)
            try:
                admin.create_topics([topic], timeout_ms=_ADMIN_TIMEOUT_MS)
            finally:
                admin.close()
        except TopicAlreadyExistsError:
            return None
        except (KafkaError, OSError) as failure:
            return failure
        return None

    def consumer(self, topic: str, group: str, max_peek: int) -> KafkaPythonConsumer:
        """See :meth:`invoker_plugin.bus.interface.Bus.consumer`."""
        settings = self._settings
        options = {
            **self._common,
            "group_id": group,
            # See the other transport: a restart is instant, and a twin fences the first.
            "group_instance_id": group,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": settings.session_timeout_ms,
            "heartbeat_interval_ms": settings.heartbeat_interval_ms,
            "max_poll_interval_ms": settings.max_poll_interval_ms,
            "max_poll_records": max_peek,
            "fetch_max_wait_ms": settings.fetch_max_wait_ms,
            "fetch_min_bytes": 1,
        }
        consumer = KafkaPythonConsumer(options, topic)
        self._consumers.append(consumer)
        return consumer

    def producer(self) -> KafkaPythonProducer:
        """See :meth:`invoker_plugin.bus.interface.Bus.producer`."""
        all_brokers = self._settings.acks in ("all", "-1")
        options = {
            **self._common,
            "acks": "all" if all_brokers else int(self._settings.acks),
            "enable_idempotence": all_brokers,
            "linger_ms": 0,
            "max_request_size": self._message_bytes,
            "delivery_timeout_ms": _DELIVERY_TIMEOUT_MS,
            "max_block_ms": self._settings.request_timeout_ms,
            "retry_backoff_ms": 100,
        }
        if not all_brokers:
            options["retries"] = _SEND_RETRIES
        producer = KafkaPythonProducer(options)
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
        "bootstrap_servers": list(settings.hosts),
        "client_id": "swift-invoker",
        "request_timeout_ms": settings.request_timeout_ms,
        "bootstrap_timeout_ms": _BOOTSTRAP_TIMEOUT_MS,
        "reconnect_backoff_ms": 100,
        "reconnect_backoff_max_ms": 2_000,
        "metadata_max_age_ms": 15_000,
        "socket_options": [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        **security.for_kafka_python(settings),
    }


def _may_pass(failure: Exception) -> bool:
    return isinstance(failure, OSError) or bool(getattr(failure, "retriable", False))
