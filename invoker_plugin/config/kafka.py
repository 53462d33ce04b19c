"""Kafka: brokers, security, topics, and the two clients' timing."""

from __future__ import annotations

from dataclasses import dataclass

from invoker_plugin.config import values
from invoker_plugin.config.setting import setting

_KAFKA = "CONFIG_whisk_kafka_"
_COMMON = f"{_KAFKA}common_"
_INVOKER_TOPIC = f"{_KAFKA}topics_invoker_"


@dataclass(frozen=True)
class KafkaSettings:
    """``user_event_prefix`` is of topic ``events`` alone, ``topic_prefix`` of all the others."""

    hosts: tuple[str, ...] = setting(
        "KAFKA_HOSTS", values.ADDRESSES, (), "brokers, `host:port` by commas", required=True
    )
    client: str = setting(
        None,
        values.choice("confluent", "kafka-python"),
        "confluent",
        "client library; kafka-python is pure Python and several times slower",
    )
    topic_prefix: str = setting(f"{_KAFKA}topics_prefix", values.TEXT, "", "before topics' names")
    user_event_prefix: str = setting(
        f"{_KAFKA}topics_userEvent_prefix", values.TEXT, "", "before topic `events`"
    )
    replication_factor: int = setting(
        f"{_KAFKA}replicationFactor", values.INTEGER, 1, "of the topics that the invoker creates"
    )
    invoker_retention_bytes: int = setting(
        f"{_INVOKER_TOPIC}retentionBytes",
        values.SIZE_BYTES,
        1_073_741_824,
        "of the invoker's topic",
    )
    invoker_retention_ms: int = setting(
        f"{_INVOKER_TOPIC}retentionMs", values.DURATION_MS, 172_800_000, "of the invoker's topic"
    )
    invoker_segment_bytes: int = setting(
        f"{_INVOKER_TOPIC}segmentBytes", values.SIZE_BYTES, 536_870_912, "of the invoker's topic"
    )
    security_protocol: str = setting(
        f"{_COMMON}securityProtocol",
        values.choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        "PLAINTEXT",
        "how brokers are reached",
    )
    truststore: str | None = setting(
        f"{_COMMON}sslTruststoreLocation",
        values.PATH,
        None,
        "certificates that brokers are checked against: PEM or PKCS#12",
    )
    truststore_password: str | None = setting(
        f"{_COMMON}sslTruststorePassword", values.SECRET, None, "of a PKCS#12 truststore"
    )
    keystore: str | None = setting(
        f"{_COMMON}sslKeystoreLocation",
        values.PATH,
        None,
        "own certificate and key for brokers that ask for one: PEM or PKCS#12",
    )
    keystore_password: str | None = setting(
        f"{_COMMON}sslKeystorePassword", values.SECRET, None, "of the keystore"
    )
    endpoint_identification: str = setting(
        f"{_COMMON}sslEndpointIdentificationAlgorithm",
        values.choice("https", "none", ""),
        "",
        "`https` checks that a broker's certificate names the broker",
    )
    sasl_mechanism: str = setting(
        f"{_COMMON}saslMechanism",
        values.choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
        "PLAIN",
        "login at brokers",
    )
    sasl_username: str | None = setting(None, values.TEXT, None, "login at brokers")
    sasl_password: str | None = setting(None, values.SECRET, None, "login at brokers")
    sasl_jaas: str | None = setting(
        f"{_COMMON}saslJaasConfig",
        values.SECRET,
        None,
        "login at brokers as Java writes it, instead of the two before",
    )
    session_timeout_ms: int = setting(
        f"{_KAFKA}consumer_sessionTimeoutMs",
        values.DURATION_MS,
        30_000,
        "silence after which brokers take a consumer for dead",
    )
    heartbeat_interval_ms: int = setting(
        f"{_KAFKA}consumer_heartbeatIntervalMs", values.DURATION_MS, 10_000, "of consumers"
    )
    max_poll_interval_ms: int = setting(
        f"{_KAFKA}consumer_maxPollIntervalMs",
        values.DURATION_MS,
        1_800_000,
        "time between two polls after which brokers take a consumer for stuck; more than the "
        "longest action",
    )
    fetch_max_wait_ms: int = setting(
        f"{_KAFKA}consumer_fetchMaxWaitMs",
        values.DURATION_MS,
        500,
        "time that a broker holds a fetch for which there is no message",
    )
    request_timeout_ms: int = setting(
        f"{_KAFKA}producer_requestTimeoutMs", values.DURATION_MS, 30_000, "of one request"
    )
    journal_directory: str = setting(
        None,
        values.PATH,
        "/var/lib/swift-invoker",
        "where it is written down which messages were handed over, so that no activation waits "
        "for a commit; empty: each waits",
    )
    acks: str = setting(
        f"{_KAFKA}producer_acks",
        values.choice("0", "1", "all", "-1"),
        "1",
        "brokers that must have a message before it counts as sent",
    )
