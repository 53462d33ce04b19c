"""Opens the bus that the settings name."""

from __future__ import annotations

from invoker_plugin.bus.interface import Bus, TopicSettings
from invoker_plugin.config.settings import Settings


def open_bus(settings: Settings) -> Bus:
    """Return a bus by the transport of ``kafka.client``; it connects by and by."""
    # Each transport is imported only where it is used: an operator may do without the other.
    if settings.kafka.client == "kafka-python":
        from invoker_plugin.bus.kafka_python import KafkaPythonBus

        return KafkaPythonBus(settings.kafka, settings.limits.message_bytes)
    from invoker_plugin.bus.confluent import ConfluentBus

    return ConfluentBus(settings.kafka, settings.limits.message_bytes)


def invoker_topic(settings: Settings) -> TopicSettings:
    """Return how the invoker's own topic is created (behaviour 2, and the capture)."""
    return TopicSettings(
        retention_ms=settings.kafka.invoker_retention_ms,
        retention_bytes=settings.kafka.invoker_retention_bytes,
        segment_bytes=settings.kafka.invoker_segment_bytes,
        max_message_bytes=settings.limits.message_bytes,
        replication_factor=settings.kafka.replication_factor,
    )
