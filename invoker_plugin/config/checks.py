"""What no single setting can tell: settings that do not fit each other."""

from __future__ import annotations

import os
from collections.abc import Iterator

from invoker_plugin.config.kafka import KafkaSettings
from invoker_plugin.config.limits import LimitsSettings
from invoker_plugin.config.manifest import HEALTH_KIND
from invoker_plugin.config.settings import Settings
from invoker_plugin.wire.encryption import KEY_BYTES
from invoker_plugin.wire.limits import MOST_SPARES


def faults(settings: Settings) -> Iterator[str]:
    """Return what is wrong, one line each, with what to do."""
    yield from _invoker(settings)
    yield from _kafka(settings.kafka, settings.limits)
    yield from _bounds(settings.limits)
    yield from _pool(settings)
    yield from _server(settings)
    for scheme, key in settings.encryption.keys.items():
        if len(key) != KEY_BYTES[scheme]:
            name = f"encryption.{scheme.replace('-', '_')}"
            yield f"{name}: has {len(key)} bytes; {scheme} needs {KEY_BYTES[scheme]}"


def warnings(settings: Settings) -> Iterator[str]:
    """Return what is doubtful, one line each."""
    if len(settings.manifest) and settings.manifest.resolve(HEALTH_KIND) is None:
        yield (
            f"RUNTIMES_MANIFEST: no {HEALTH_KIND}; OpenWhisk's own controller tests invokers with "
            "an action of that kind and calls none healthy that cannot run it"
        )
    if settings.server.password is None:
        yield "server.password is not set; /enable and /disable refuse every call"


def _invoker(settings: Settings) -> Iterator[str]:
    number = settings.invoker.id
    if number is None and settings.invoker.unique_name:
        yield "invoker.id: a unique name alone is not enough; give the number too (--id)"
    elif number is None:
        yield "invoker.id: is not set; give the number of this invoker (--id)"
    elif number < 0:
        yield f"invoker.id: {number} is less than 0"


def _kafka(kafka: KafkaSettings, limits: LimitsSettings) -> Iterator[str]:
    if kafka.max_poll_interval_ms <= limits.timeout_max_ms:
        yield (
            f"kafka.max_poll_interval_ms: {kafka.max_poll_interval_ms} must be more than the "
            f"longest action's {limits.timeout_max_ms} ms (limits.timeout_max_ms)"
        )
    if kafka.replication_factor < 1:
        yield f"kafka.replication_factor: {kafka.replication_factor} must be 1 or more"
    if kafka.heartbeat_interval_ms >= kafka.session_timeout_ms:
        yield "kafka.heartbeat_interval_ms: must be less than kafka.session_timeout_ms"
    login = kafka.sasl_jaas or (kafka.sasl_username and kafka.sasl_password)
    if kafka.security_protocol.startswith("SASL") and not login:
        yield (
            f"kafka.sasl_username, kafka.sasl_password: {kafka.security_protocol} needs both "
            "(or CONFIG_whisk_kafka_common_saslJaasConfig)"
        )
    if kafka.security_protocol.endswith("SSL"):
        yield from _readable("kafka.truststore", kafka.truststore)
        yield from _readable("kafka.keystore", kafka.keystore)


def _bounds(limits: LimitsSettings) -> Iterator[str]:
    bounds = limits.system()
    named = {
        "timeout": bounds.timeout_ms,
        "memory": bounds.memory_mb,
        "logs": bounds.logs_mb,
        "concurrency": bounds.concurrency,
    }
    for name, bound in named.items():
        if not bound.min <= bound.std <= bound.max:
            yield (
                f"limits.{name}: min {bound.min}, std {bound.std}, max {bound.max} "
                "must not be in another order"
            )
    if limits.truncation_bytes > limits.payload_bytes:
        yield "limits.truncation_bytes: must not be more than limits.payload_bytes"


def _pool(settings: Settings) -> Iterator[str]:
    pool, containers, store = settings.pool, settings.containers, settings.store
    if pool.user_memory_mb < settings.limits.memory_min_mb:
        yield (
            f"pool.user_memory_mb: {pool.user_memory_mb} MB hold not even one action of "
            f"{settings.limits.memory_min_mb} MB (limits.memory_min_mb)"
        )
    if not 0 < pool.concurrent_peek_factor <= 1:
        yield f"pool.concurrent_peek_factor: {pool.concurrent_peek_factor} must be in (0, 1]"
    if pool.user_cpus is not None and pool.user_cpus <= 0:
        yield f"pool.user_cpus: {pool.user_cpus} must be more than 0"
    if not 0 <= pool.spares <= MOST_SPARES:
        yield f"pool.spares: {pool.spares} must be from 0 to {MOST_SPARES}"
    counts = {
        "pool.slots": pool.slots,
        "pool.batch_deletion_size": pool.batch_deletion_size,
        "containers.parallel_runs": containers.parallel_runs,
        "store.connections": store.connections,
        "store.batch_records": store.batch_records,
        "store.queued_records": store.queued_records,
        "store.spool_records": store.spool_records,
        "store.spool_bytes": store.spool_bytes,
        "store.blocked_poll_ms": store.blocked_poll_ms,
    }
    for name, count in counts.items():
        if count < 1:
            yield f"{name}: {count} must be 1 or more"
    yield from _readable("store.ca_certificates", store.ca_certificates)


def _server(settings: Settings) -> Iterator[str]:
    server = settings.server
    if server.protocol == "https":
        if server.keystore is None:
            yield "server.keystore: https needs a certificate and its key"
        yield from _readable("server.keystore", server.keystore)


def _readable(name: str, path: str | None) -> Iterator[str]:
    if path is not None and not os.access(path, os.R_OK):
        yield f"{name}: {path} cannot be read; give a file that this user may read"
