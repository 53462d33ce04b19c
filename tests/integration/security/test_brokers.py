"""TLS and logins at a real broker, by both transports."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.bus import confluent
from invoker_plugin.bus.confluent import ConfluentBus
from invoker_plugin.bus.interface import Bus, TopicSettings
from invoker_plugin.bus.kafka_python import KafkaPythonBus
from invoker_plugin.config.kafka import KafkaSettings
from invoker_plugin.errors import SystemFault
from tests.certificates import make
from tests.integration.bus.conftest import MESSAGE_BYTES
from tests.integration.bus.test_transports import commit, take
from tests.integration.security.broker import USER, OwnBroker

pytestmark = pytest.mark.kafka

JAAS = (
    'org.apache.kafka.common.security.plain.PlainLoginModule required username="{}" password="{}";'
)
TRANSPORTS: dict[str, Callable[[KafkaSettings, int], Bus]] = {
    "confluent": ConfluentBus,
    "kafka-python": KafkaPythonBus,
}


def settings_of(broker: OwnBroker, way: str) -> KafkaSettings:
    """How an operator would reach the broker."""
    trusted: dict[str, Any] = {"truststore": str(broker.authority)}
    if way == "certificate":
        return KafkaSettings(
            hosts=(broker.tls,), security_protocol="SSL", keystore=str(broker.client), **trusted
        )
    login: dict[str, Any] = {"sasl_username": USER, "sasl_password": broker.password}
    if way == "PLAIN":
        login = {"sasl_jaas": JAAS.format(USER, broker.password)}
    return KafkaSettings(
        hosts=(broker.sasl,),
        security_protocol="SASL_SSL",
        sasl_mechanism=way,
        endpoint_identification="https",
        **login,
        **trusted,
    )


@pytest.mark.parametrize("transport", sorted(TRANSPORTS))
@pytest.mark.parametrize("way", ["certificate", "PLAIN", "SCRAM-SHA-512"])
async def test_messages_go_through(broker: OwnBroker, way: str, transport: str) -> None:
    bus = TRANSPORTS[transport](settings_of(broker, way), MESSAGE_BYTES)
    topic = f"secured-{uuid.uuid4().hex[:12]}"
    await bus.ensure_topic(topic, TopicSettings())
    consumer = bus.consumer(topic, topic, 4)
    producer = bus.producer()
    await producer.send(topic, b"hello")
    (message,) = await take(consumer, 1)
    assert message.value == b"hello"
    await commit(consumer, message.offset + 1)
    assert bus.connected
    await bus.close()


def _wrong(broker: OwnBroker, what: str, folder: Path) -> KafkaSettings:
    if what == "password":
        right = settings_of(broker, "SCRAM-SHA-512")
        return dataclasses.replace(right, sasl_password="of-somebody-else")
    right = settings_of(broker, "certificate")
    if what == "no certificate":
        return dataclasses.replace(right, keystore=None)
    stranger = folder / "stranger.pem"
    stranger.write_bytes(make("stranger").certificate_pem())
    return dataclasses.replace(right, truststore=str(stranger))


@pytest.mark.parametrize("what", ["password", "no certificate", "authority"])
async def test_who_is_not_let_in_is_told(
    broker: OwnBroker, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confluent, "TOPIC_TRIES", 1)
    monkeypatch.setattr(confluent, "_ADMIN_TIMEOUT_S", 3.0)
    bus = ConfluentBus(_wrong(broker, what, tmp_path), MESSAGE_BYTES)
    with pytest.raises(SystemFault):
        await asyncio.wait_for(bus.ensure_topic("secured-none", TopicSettings()), 60)
    await bus.close()
