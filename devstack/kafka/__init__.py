"""Apache Kafka, one node in KRaft mode, from its Maven Central jars on the machine's JDK."""

from devstack.kafka.broker import Kafka

__all__ = ["Kafka"]
