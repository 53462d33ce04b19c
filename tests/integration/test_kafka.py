"""The devstack's Kafka, seen by a real client."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from devstack.kafka import Kafka
from devstack.kafka.broker import JARS
from devstack.paths import Paths
from devstack.stack import Stack

pytestmark = pytest.mark.kafka


@pytest.fixture
def topic(kafka_hosts: str) -> str:
    return _create_topic(kafka_hosts)


def _create_topic(hosts: str) -> str:
    name = f"test-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": hosts})
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])[name].result(30)
    return name


def _produce(hosts: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": hosts})
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def _consume_one(hosts: str, topic: str) -> bytes | None:
    consumer = Consumer(
        {"bootstrap.servers": hosts, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        message = consumer.poll(30)
        assert message is not None, "no message within 30 s"
        assert message.error() is None
        return message.value()
    finally:
        consumer.close()


def test_carries_a_message(kafka_hosts: str, topic: str) -> None:
    _produce(kafka_hosts, topic, b"hello")
    assert _consume_one(kafka_hosts, topic) == b"hello"


@pytest.fixture(scope="module")
def own_kafka(devstack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker that a test may stop without harm to others."""
    devstack.kafka.ensure_jars()
    paths = Paths(tmp_path_factory.mktemp("devstack"))
    paths.create()
    kept = JARS.directory(devstack.paths)
    (paths.cache / kept.name).symlink_to(kept)
    kafka = Kafka(paths)
    kafka.ensure_started()
    try:
        yield kafka
    finally:
        kafka.stop()


def test_keeps_messages_and_address_over_a_restart(own_kafka: Kafka) -> None:
    topic = _create_topic(own_kafka.hosts)
    _produce(own_kafka.hosts, topic, b"kept")
    before = own_kafka.hosts
    own_kafka.restart()
    assert own_kafka.hosts == before
    assert _consume_one(own_kafka.hosts, topic) == b"kept"


def test_keeps_messages_over_a_crash(own_kafka: Kafka) -> None:
    topic = _create_topic(own_kafka.hosts)
    _produce(own_kafka.hosts, topic, b"kept")
    own_kafka.kill()
    assert own_kafka.pid is None
    own_kafka.ensure_started()
    assert _consume_one(own_kafka.hosts, topic) == b"kept"


def test_makes_no_topic_by_itself(kafka_hosts: str) -> None:
    name = f"test-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": kafka_hosts})
    assert name not in admin.list_topics(timeout=30).topics
    consumer = Consumer({"bootstrap.servers": kafka_hosts, "group.id": name})
    try:
        with pytest.raises(KafkaException, match="UNKNOWN"):
            consumer.get_watermark_offsets(TopicPartition(name, 0), timeout=10)
    finally:
        consumer.close()
    assert name not in admin.list_topics(timeout=30).topics


def test_tells_the_machine_its_own_address(devstack: Stack, kafka_hosts: str) -> None:
    assert kafka_hosts.startswith("127.0.0.1:")
    inside = devstack.kafka.machine_hosts
    port = inside.rpartition(":")[2]
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"})
    brokers = admin.list_topics(timeout=30).brokers.values()
    assert [f"{broker.host}:{broker.port}" for broker in brokers] == [inside]
