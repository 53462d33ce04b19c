"""Checks of Kafka: brokers answer, and the topics are there."""

from __future__ import annotations

from invoker_plugin.bus import security
from invoker_plugin.cli.check_report import Finding
from invoker_plugin.config.kafka import KafkaSettings
from invoker_plugin.config.settings import Settings
from invoker_plugin.errors import SystemFault

_TIMEOUT_S = 8.0


def check(settings: Settings) -> list[Finding]:
    """Both; blocks for some seconds at most."""
    hosts = ",".join(settings.kafka.hosts)
    list_topics = _by_kafka_python if settings.kafka.client == "kafka-python" else _by_confluent
    try:
        topics = list_topics(settings.kafka)
    except SystemFault as fault:
        return [
            Finding(
                "kafka",
                "fail",
                f"{hosts}: {fault}",
                "start Kafka, or set KAFKA_HOSTS to its listeners as reached from this host",
            )
        ]
    findings = [Finding("kafka", "ok", f"{hosts}: {len(topics)} topics")]
    findings.append(_own_topic(settings, topics))
    findings.append(_others(settings, topics))
    return findings


def _by_confluent(kafka: KafkaSettings) -> set[str]:
    """All topics. Each client is imported only where it is used, as by the bus itself."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    options = {"bootstrap.servers": ",".join(kafka.hosts), **security.for_librdkafka(kafka)}
    # Its own log lines would stand between those of the table.
    admin = AdminClient({**options, "log_level": 0})
    try:
        return set(admin.list_topics(timeout=_TIMEOUT_S).topics)
    except KafkaException as error:
        raise SystemFault(error.args[0].str()) from None


def _by_kafka_python(kafka: KafkaSettings) -> set[str]:
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    try:
        admin = KafkaAdminClient(
            bootstrap_servers=list(kafka.hosts),
            request_timeout_ms=round(_TIMEOUT_S * 1000),
            bootstrap_timeout_ms=round(_TIMEOUT_S * 1000),
            **security.for_kafka_python(kafka),
        )
    except KafkaError as error:
        raise SystemFault(str(error)) from None
    try:
        return set(admin.list_topics())
    except KafkaError as error:
        raise SystemFault(str(error)) from None
    finally:
        admin.close()


def _own_topic(settings: Settings, topics: set[str]) -> Finding:
    if settings.topic in topics:
        return Finding("kafka-topic", "ok", f"{settings.topic} exists")
    return Finding("kafka-topic", "info", f"{settings.topic} will be created when we start")


def _others(settings: Settings, topics: set[str]) -> Finding:
    """The controller makes the topics that it reads; until it has run there are none."""
    wanted = [f"{settings.kafka.topic_prefix}health", f"{settings.kafka.topic_prefix}completed0"]
    if settings.invoker.user_events:
        wanted.append(f"{settings.kafka.user_event_prefix}events")
    missing = [topic for topic in wanted if topic not in topics]
    if not missing:
        return Finding("kafka-topics", "ok", ", ".join(wanted))
    return Finding(
        "kafka-topics",
        "warn",
        f"missing: {', '.join(missing)}",
        "start the controller, which creates them (completed0 is that of controller 0), or"
        " create them; check the topic prefix (kafka.topic_prefix)",
    )
