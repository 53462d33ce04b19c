"""Settings from the environment, a file and the command line."""

from __future__ import annotations

import argparse
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.config.arguments import add_arguments, overrides
from invoker_plugin.config.loading import load
from invoker_plugin.config.settings import Settings
from invoker_plugin.containers import names
from invoker_plugin.errors import ConfigurationError

MANIFEST = {
    "runtimes": {
        "nodejs": [{"kind": "nodejs:20", "default": True, "image": {"name": "node", "tag": "1"}}],
        "python": [{"kind": "python:3", "image": {"prefix": "whisk", "name": "py"}}],
    }
}
ENVIRON = {
    "KAFKA_HOSTS": "127.0.0.1:9092",
    "RUNTIMES_MANIFEST": json.dumps(MANIFEST),
    "CONFIG_whisk_couchdb_host": "127.0.0.1",
    "CONFIG_whisk_couchdb_databases_WhiskAuth": "local_subjects",
    "CONFIG_whisk_couchdb_databases_WhiskEntity": "local_whisks",
    "CONFIG_whisk_couchdb_databases_WhiskActivation": "local_activations",
}


def _load(
    environ: dict[str, str] | None = None, toml: str | None = None, path: Path | None = None
) -> Settings:
    if path is not None and toml is not None:
        path.write_text(toml, encoding="utf-8")
    return load({**ENVIRON, **(environ or {})}, path, {"invoker.id": "0"})


def _faults(environ: dict[str, str], toml: str | None = None, path: Path | None = None) -> str:
    with pytest.raises(ConfigurationError) as raised:
        _load(environ, toml, path)
    return str(raised.value)


def test_defaults_are_the_stock_invokers() -> None:
    settings = _load()
    assert settings.pool.pause_grace_ms == 10_000
    assert settings.pool.idle_container_ms == 600_000
    assert settings.pool.user_memory_mb == 1024
    assert settings.limits.message_bytes == 1_054_644
    bounds = settings.limits.system()
    assert (bounds.memory_mb.min, bounds.memory_mb.max, bounds.memory_mb.std) == (128, 512, 256)
    assert (bounds.timeout_ms.min, bounds.timeout_ms.max) == (100, 300_000)
    assert settings.topic == "invoker0"
    assert _prefix(settings) == "wsk0_"
    assert settings.containers.network == "bridge"


def test_environment_of_openwhisks_deployment_is_read() -> None:
    settings = _load(
        {
            "KAFKA_HOSTS": "a:1,b:2",
            "CONFIG_whisk_kafka_topics_prefix": "prod-",
            "CONFIG_whisk_containerPool_userMemory": "2048m",
            "CONFIG_whisk_containerProxy_timeouts_idleContainer": "20 minutes",
            "CONFIG_whisk_containerFactory_containerArgs_dnsServers_1": "9.9.9.9",
            "CONFIG_whisk_containerFactory_containerArgs_dnsServers_0": "1.1.1.1",
            "CONFIG_whisk_containerFactory_containerArgs_extraEnvVars_0": "A=1",
            "CONFIG_whisk_containerFactory_containerArgs_extraArgs_capAdd_0": "IPC_LOCK",
            "CONFIG_whisk_invoker_resource_tags": " 'rdma,gpu' ",
            "CONFIG_whisk_invoker_dedicated_namespaces": " '' ",
            "CONFIG_whisk_userEvents_enabled": "true",
            "CONFIG_whisk_memory_max": "1 GB",
            "CONFIG_whisk_namespaceDefaultLimit_memory_max": "256 m",
            "WHISK_API_HOST_PROTO": "http",
            "WHISK_API_HOST_PORT": "10001",
            "WHISK_API_HOST_NAME": "172.17.0.1",
            "CONFIG_whisk_couchdb_password": "$DB_PASSWORD",
            "DB_PASSWORD": "s3cret",
            "PORT": "9000",
            "CONFIG_whisk_docker_client_parallelRuns": "",
        }
    )
    assert settings.kafka.hosts == ("a:1", "b:2")
    assert settings.topic == "prod-invoker0"
    assert settings.pool.user_memory_mb == 2048
    assert settings.pool.idle_container_ms == 1_200_000
    assert settings.containers.dns == ("1.1.1.1", "9.9.9.9")
    assert settings.containers.extra_env == ("A=1",)
    assert settings.containers.extra_args == {"cap-add": ("IPC_LOCK",)}
    assert settings.containers.parallel_runs == 10
    assert settings.invoker.tags == ("rdma", "gpu")
    assert settings.invoker.dedicated_namespaces == ()
    assert settings.invoker.user_events
    assert settings.invoker.api_host == "http://172.17.0.1:10001"
    assert settings.limits.system().memory_mb.most(None) == 256
    assert settings.store.password == "s3cret"
    assert settings.server.port == 9000


def test_command_line_wins_over_environment_over_file(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    arguments = parser.parse_args(["--id", "7", "--uniqueName", "host_a", "--displayed-name", "A"])
    file = tmp_path / "invoker.toml"
    file.write_text(
        '[invoker]\nid = 3\n[pool]\nuser_memory_mb = "2 GB"\nslots = 4\n', encoding="utf-8"
    )
    environ = {**ENVIRON, "CONFIG_whisk_containerPool_userMemory": "512m"}
    settings = load(environ, file, overrides(arguments))
    assert settings.invoker.id == 7
    assert settings.invoker.unique_name == "host_a"
    assert settings.invoker.displayed_name == "A"
    assert _prefix(settings) == "wskhosta7_"
    assert settings.pool.user_memory_mb == 512
    assert settings.pool.slots == 4


def test_file_alone_is_enough(tmp_path: Path) -> None:
    manifest = tmp_path / "runtimes.json"
    manifest.write_text(json.dumps(MANIFEST), encoding="utf-8")
    file = tmp_path / "invoker.toml"
    file.write_text(
        f"""
        [invoker]
        id = 1
        [kafka]
        hosts = ["broker:9092"]
        client = "kafka-python"
        [store]
        host = "couch"
        subjects = "s"
        actions = "w"
        activations = "a"
        linger_ms = "20 ms"
        [containers.kinds."python:3-rdma"]
        device = ["/dev/infiniband/uverbs0"]
        ulimit = "memlock=-1"
        [runtimes]
        manifest = "{manifest}"
        """,
        encoding="utf-8",
    )
    settings = load({}, file)
    assert settings.kafka.hosts == ("broker:9092",)
    assert settings.kafka.client == "kafka-python"
    assert settings.store.linger_ms == 20
    assert settings.containers.kinds == {
        "python:3-rdma": {"device": ("/dev/infiniband/uverbs0",), "ulimit": ("memlock=-1",)}
    }
    assert settings.manifest.image_of("python:default") == "whisk/py"


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(
            {
                "KAFKA_HOSTS": "nowhere",
                "CONFIG_whisk_containerPool_userMemory": "lots",
                "CONFIG_whisk_kafka_common_securityProtocol": "TLS",
                "PORT": "70000",
            }
        )
    lines = str(raised.value).splitlines()
    for start in (
        "kafka.hosts (KAFKA_HOSTS): 'nowhere' has 'nowhere', which is no host:port",
        "pool.user_memory_mb (CONFIG_whisk_containerPool_userMemory): 'lots' is no size",
        "kafka.security_protocol (CONFIG_whisk_kafka_common_securityProtocol): 'TLS' is none of",
        "server.port (PORT): '70000' is no port",
        "store.host (CONFIG_whisk_couchdb_host): is not set",
        "invoker.id: is not set; give the number of this invoker (--id)",
        "runtimes.manifest (RUNTIMES_MANIFEST): is not set",
    ):
        assert any(line.startswith(start) for line in lines), start


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"CONFIG_whisk_memory_min": "1 GB"}, "limits.memory: min 1024, std 256, max 512"),
        ({"CONFIG_whisk_containerPool_userMemory": "64m"}, "hold not even one action"),
        ({"CONFIG_whisk_containerPool_userMemory": "100"}, "is no whole number of MB"),
        ({"CONFIG_whisk_containerPool_concurrentPeekFactor": "2"}, r"must be in (0, 1]"),
        ({"CONFIG_whisk_kafka_consumer_maxPollIntervalMs": "1000"}, "longest action's 300000 ms"),
        ({"CONFIG_whisk_kafka_common_securityProtocol": "SASL_SSL"}, "SASL_SSL needs both"),
        (
            {
                "CONFIG_whisk_kafka_common_securityProtocol": "SSL",
                "CONFIG_whisk_kafka_common_sslTruststoreLocation": "/nowhere",
            },
            "kafka.truststore: /nowhere cannot be read",
        ),
        ({"CONFIG_whisk_invoker_protocol": "https"}, "https needs a certificate"),
        ({"RUNTIMES_MANIFEST": "{"}, "RUNTIMES_MANIFEST:"),
        ({"CONFIG_whisk_docker_client_parallelRuns": "0"}, "containers.parallel_runs: 0 must be"),
    ],
)
def test_fault_has_its_remedy(environ: dict[str, str], fault: str) -> None:
    assert fault in _faults(environ)


def test_secret_is_shown_neither_in_faults_nor_in_repr() -> None:
    faults = _faults({"CONFIG_whisk_parameterStorage_aes128": "no base64!"})
    assert "no base64!" not in faults
    assert "encryption.aes_128" in faults
    key = base64.b64encode(bytes(range(16))).decode()
    settings = _load(
        {"CONFIG_whisk_couchdb_password": "pass-word", "CONFIG_whisk_parameterStorage_aes128": key}
    )
    assert settings.encryption.keys == {"aes-128": bytes(range(16))}
    assert "pass-word" not in repr(settings)
    assert repr(bytes(range(16))) not in repr(settings)


def test_key_of_another_length_is_refused() -> None:
    key = base64.b64encode(bytes(5)).decode()
    environ = {"CONFIG_whisk_parameterStorage_aes256": key}
    assert "encryption.aes_256: has 5 bytes; aes-256 needs 32" in _faults(environ)


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ("[pool]\nuser_memory = 1", "pool.user_memory: there is no such setting; did you mean"),
        ("[pol]\nslots = 1", "pol.slots: there is no such setting; did you mean pool.slots?"),
        ("id = 5", "id: there is no such setting"),
        ("[pool", "is no TOML file"),
        ("[pool]\nslots = true", "pool.slots: True is no"),
        ("[containers]\nextra_args = 1", "containers.extra_args"),
    ],
)
def test_fault_in_the_file_is_told(tmp_path: Path, toml: str, fault: str) -> None:
    assert fault in _faults({}, toml, tmp_path / "invoker.toml")


def test_missing_file_is_told(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in _faults({}, None, tmp_path / "none.toml")


def test_what_is_set_in_vain_is_warned_of() -> None:
    warnings = _load(
        {
            "CONFIG_whisk_noSuchThing": "1",
            "CONFIG_whisk_spi_LogStoreProvider": "x",
            "OPENWHISK_CONFIG": "x",
        }
    ).warnings
    assert any(line.startswith("CONFIG_whisk_noSuchThing: is set, but") for line in warnings)
    assert any(line.startswith("OPENWHISK_CONFIG") for line in warnings)
    assert not any("LogStoreProvider" in line for line in warnings)


def test_manifest_without_the_health_kind_is_warned_of() -> None:
    only_python: dict[str, Any] = {"runtimes": {"python": MANIFEST["runtimes"]["python"]}}
    warnings = _load({"RUNTIMES_MANIFEST": json.dumps(only_python)}).warnings
    assert any("no nodejs:default" in line for line in warnings)


def _prefix(settings: Settings) -> str:
    """The prefix of the containers' names, as the invoker makes it of these settings."""
    assert settings.invoker.id is not None
    return names.prefix(settings.invoker.id, settings.invoker.unique_name)
