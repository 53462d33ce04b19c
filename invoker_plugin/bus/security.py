"""How brokers are reached: the same settings in each client's own words."""

from __future__ import annotations

import re
from typing import Any

from invoker_plugin.bus import tls
from invoker_plugin.config.kafka import KafkaSettings
from invoker_plugin.errors import ConfigurationError

_JAAS = re.compile(r"\b(username|password)\s*=\s*\"((?:[^\"\\]|\\.)*)\"")


def for_librdkafka(settings: KafkaSettings) -> dict[str, Any]:
    """Return librdkafka's options."""
    options: dict[str, Any] = {"security.protocol": settings.security_protocol}
    if settings.security_protocol.endswith("SSL"):
        material = _material(settings)
        options["ssl.endpoint.identification.algorithm"] = (
            settings.endpoint_identification or "none"
        )
        named = {
            "ssl.ca.pem": material.authorities,
            "ssl.certificate.pem": material.certificate,
            "ssl.key.pem": material.key,
        }
        options |= {name: text for name, text in named.items() if text}
    if settings.security_protocol.startswith("SASL"):
        username, password = _login(settings)
        options["sasl.mechanism"] = settings.sasl_mechanism
        options["sasl.username"] = username
        options["sasl.password"] = password
    return options


def for_kafka_python(settings: KafkaSettings) -> dict[str, Any]:
    """Return kafka-python's options."""
    options: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.endswith("SSL"):
        check_hostname = settings.endpoint_identification == "https"
        options["ssl_context"] = _material(settings).context(check_hostname)
        options["ssl_check_hostname"] = check_hostname
    if settings.security_protocol.startswith("SASL"):
        username, password = _login(settings)
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = username
        options["sasl_plain_password"] = password
    return options


def _material(settings: KafkaSettings) -> tls.TlsMaterial:
    return tls.load(
        settings.truststore,
        settings.truststore_password,
        settings.keystore,
        settings.keystore_password,
    )


def _login(settings: KafkaSettings) -> tuple[str, str]:
    """Return user and password, from Java's JAAS line where that is what was given."""
    if settings.sasl_jaas is None:
        return settings.sasl_username or "", settings.sasl_password or ""
    found = {
        name: re.sub(r"\\(.)", r"\1", text) for name, text in _JAAS.findall(settings.sasl_jaas)
    }
    try:
        return found["username"], found["password"]
    except KeyError as missing:
        raise ConfigurationError(
            f'kafka.sasl_jaas: has no {missing.args[0]}="..."; only logins by name work here'
        ) from None
