"""TLS and SASL settings reach both clients in their own words."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from cryptography.x509 import load_pem_x509_certificate

from invoker_plugin.bus import security
from invoker_plugin.config.kafka import KafkaSettings
from invoker_plugin.errors import ConfigurationError
from tests.certificates import PASSWORD, Pair, make


@pytest.fixture(scope="module")
def authority() -> Pair:
    return make("authority")


@pytest.fixture(scope="module")
def client(authority: Pair) -> Pair:
    return make("client", authority)


def _ssl(**settings: Any) -> KafkaSettings:
    return KafkaSettings(hosts=("127.0.0.1:9093",), security_protocol="SSL", **settings)


def _check(settings: KafkaSettings, authority: Pair, client: Pair) -> None:
    options = security.for_librdkafka(settings)
    assert options["security.protocol"] == "SSL"
    assert options["ssl.endpoint.identification.algorithm"] == "none"
    assert authority.certificate_pem().decode() in options["ssl.ca.pem"]
    shown = load_pem_x509_certificate(options["ssl.certificate.pem"].encode())
    assert shown == client.certificate
    assert options["ssl.key.pem"].startswith("-----BEGIN PRIVATE KEY-----")
    Producer({"bootstrap.servers": "127.0.0.1:1", **options}).flush(0)  # it reads them all

    context = security.for_kafka_python(settings)["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert not context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) >= 1


def test_pem_files(tmp_path: Path, authority: Pair, client: Pair) -> None:
    truststore = tmp_path / "ca.pem"
    truststore.write_bytes(authority.certificate_pem())
    keystore = client.write_pem(tmp_path / "client.pem")
    _check(_ssl(truststore=str(truststore), keystore=str(keystore)), authority, client)


def test_pkcs12_file_as_both_stores_as_openwhisk_deploys_it(
    tmp_path: Path, authority: Pair, client: Pair
) -> None:
    store = client.write_pkcs12(tmp_path / "kafka-keystore.jks", [authority.certificate])
    settings = _ssl(
        truststore=str(store),
        truststore_password=PASSWORD,
        keystore=str(store),
        keystore_password=PASSWORD,
    )
    _check(settings, authority, client)


def test_name_of_the_broker_is_checked_where_asked(
    tmp_path: Path, authority: Pair, client: Pair
) -> None:
    truststore = tmp_path / "ca.pem"
    truststore.write_bytes(authority.certificate_pem())
    settings = _ssl(truststore=str(truststore), endpoint_identification="https")
    assert security.for_librdkafka(settings)["ssl.endpoint.identification.algorithm"] == "https"
    assert security.for_kafka_python(settings)["ssl_context"].check_hostname


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\xfe\xed\xfe\xed" + bytes(20), "keytool -importkeystore"),
        (b"nothing of the kind", "is no PEM or PKCS#12 file"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is no PEM or"),
    ],
)
def test_file_of_another_kind_is_told_with_a_remedy(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    path = tmp_path / "store"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=fault):
        security.for_librdkafka(_ssl(truststore=str(path)))
    with pytest.raises(ConfigurationError, match=fault):
        security.for_kafka_python(_ssl(keystore=str(path)))


def test_wrong_password_is_told_without_it(tmp_path: Path, authority: Pair, client: Pair) -> None:
    store = client.write_pkcs12(tmp_path / "store.p12", [authority.certificate])
    with pytest.raises(ConfigurationError, match="that this password opens") as raised:
        security.for_librdkafka(_ssl(truststore=str(store), truststore_password="secret-try"))
    assert "secret-try" not in str(raised.value)


_JAAS = (
    "org.apache.kafka.common.security.scram.ScramLoginModule required\n"
    '  username="who\\"is" password="pa ss";'
)


@pytest.mark.parametrize(
    "login",
    [
        {"sasl_username": 'who"is', "sasl_password": "pa ss"},
        {"sasl_jaas": _JAAS},
    ],
)
def test_login(login: dict[str, str]) -> None:
    settings = KafkaSettings(
        hosts=("127.0.0.1:9094",),
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        **login,
    )
    assert security.for_librdkafka(settings) == {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": 'who"is',
        "sasl.password": "pa ss",
    }
    assert security.for_kafka_python(settings) == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": 'who"is',
        "sasl_plain_password": "pa ss",
    }


def test_jaas_line_without_a_login_is_told() -> None:
    settings = KafkaSettings(
        hosts=("127.0.0.1:9094",), security_protocol="SASL_PLAINTEXT", sasl_jaas="x required;"
    )
    with pytest.raises(ConfigurationError, match="has no username"):
        security.for_librdkafka(settings)
