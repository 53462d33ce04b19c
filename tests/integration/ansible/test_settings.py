"""What the role writes is what the invoker reads: each setting is rendered and loaded again."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from devstack.manifest import runtimes_manifest
from devstack.paths import REPOSITORY
from invoker_plugin.config.loading import load
from invoker_plugin.config.settings import Settings
from tests.integration.ansible.plays import ANSIBLE, play

TEMPLATES = ANSIBLE / "roles/swift_invoker/templates"
PASSWORD = 'quote " dollar $HOME back\\slash `tick` and # hash'
NEEDED: dict[str, Any] = {
    "invoker_password": PASSWORD,
    "db_invoker_pass": "store",
    "runtimes_manifest": runtimes_manifest(),
}
# Every variable of OpenWhisk that the role takes, each with a value that is not its default.
EVERYTHING: dict[str, Any] = {
    **NEEDED,
    "kafka_connect_string": "kafka0:9093,kafka1:9094",
    "kafka_replicationFactor": 3,
    "kafka_topics_prefix": "staging-",
    "kafka_topics_userEvent_prefix": "users-",
    "kafka_topics_invoker_retentionBytes": 104857600,
    "kafka_topics_invoker_retentionMS": 300000,
    "kafka_topics_invoker_segmentBytes": 52428800,
    "user_events_enabled": True,
    "db_protocol": "https",
    "db_host": "couch",
    "db_port": 6984,
    "db_prefix": "staging_",
    "db_invoker_user": "invoker",
    "whisk_api_host_proto": "http",
    "whisk_api_host_port": 8080,
    "whisk_api_host_name": "api.example.org",
    "runtimes_registry": "registry.example.org/",
    "user_images_registry": "users.example.org/",
    "invoker_container_network_name": "actions",
    "invoker_container_network_dns_servers": "192.0.2.1 192.0.2.2",
    "runtimes_enable_concurrency": True,
    "invoker_user_memory": "4096m",
    "invoker_user_cpus": 6.5,
    "container_pool_prewarm_expirationCheckInitDelay": "5 minutes",
    "container_pool_prewarm_expirationCheckInterval": "6 minutes",
    "container_pool_prewarm_expirationCheckIntervalVariance": "7 seconds",
    "container_pool_prewarm_max_retry_limit": 4,
    "container_pool_batchDeletionSize": 3,
    "containerProxy_timeouts_idleContainer": "8 minutes",
    "containerProxy_timeouts_pauseGrace": "9 seconds",
    "containerProxy_timeouts_keepingDuration": "11 minutes",
    "invoker_parallel_runs": 5,
    "invoker_loglevel": "DEBUG",
    "limit_action_memory_min": "64m",
    "limit_action_memory_max": "2048m",
    "limit_action_memory_std": "128m",
    "limit_action_time_min": "50 ms",
    "limit_action_time_max": "10 minutes",
    "limit_action_time_std": "2 minutes",
    "limit_action_concurrency_min": 1,
    "limit_action_concurrency_max": 100,
    "limit_action_concurrency_std": 2,
    "namespace_default_limit_action_memory_min": "64m",
    "namespace_default_limit_action_memory_max": "1024m",
    "namespace_default_limit_action_time_min": "60 ms",
    "namespace_default_limit_action_time_max": "5 minutes",
    "namespace_default_limit_action_concurrency_min": 1,
    "namespace_default_limit_action_concurrency_max": 50,
    "limit_activation_payload": 2097152,
    "whisk_cluster_name": "Staging",
    "invoker_username": "operator",
    "dedicatedNamespaces": ["team"],
    "invoker_extraEnv": {
        "CONFIG_whisk_containerFactory_containerArgs_extraArgs_capAdd_0": "NET_RAW"
    },
    "swift_invoker_settings": {"pool": {"slots": 32}, "store": {"timeout_ms": "45 s"}},
    "swift_invoker_kinds": {"python:3-rdma": {"ulimit": ["memlock=-1"]}},
    "swift_invoker_rdma_device": "mlx5_0",
    "swift_invoker_parameter_key_128": "MDEyMzQ1Njc4OWFiY2RlZg==",
}


def _render(directory: Path, variables: Mapping[str, Any], **where: str) -> Settings:
    """The settings as the invoker on a host would load them."""
    given = {**variables, "swift_invoker_configuration_directory": str(directory)}
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.import_role": {"name": "swift_invoker"}, "when": False},
        _write("environment.j2", directory / "invoker.env", "swift_invoker_environment"),
        _write("environment.j2", directory / "secrets.env", "swift_invoker_all_secrets"),
        _write("invoker.toml.j2", directory / "invoker.toml"),
        _write("swift-invoker.service.j2", directory / "swift-invoker.service"),
        {
            "ansible.builtin.copy": {
                "dest": str(directory / "runtimes.json"),
                "content": "{{ swift_invoker_runtimes_manifest | to_nice_json }}",
                "mode": "0600",
            }
        },
    ]
    tasks[1]["vars"]["swift_invoker_values"] = (
        "{{ swift_invoker_environment | combine(swift_invoker_dns_values) }}"
    )
    done = play(directory, tasks, given, **where)
    assert done.returncode == 0, done.stdout + done.stderr
    return load(_environment(directory), directory / "invoker.toml")


def _write(template: str, target: Path, values: str | None = None) -> dict[str, Any]:
    written = {"src": str(TEMPLATES / template), "dest": str(target), "mode": "0600"}
    given = {"swift_invoker_values": f"{{{{ {values} }}}}"} if values else {}
    return {"ansible.builtin.template": written, "vars": given}


def _environment(directory: Path) -> dict[str, str]:
    """The two files by a shell, which reads them as systemd does."""
    script = 'set -a; . "$0/invoker.env"; . "$0/secrets.env"; env -0'
    said = subprocess.run(
        ["env", "-i", "sh", "-c", script, str(directory)], capture_output=True, check=True
    ).stdout.decode()
    pairs = (line.partition("=") for line in said.split("\0") if line)
    return {name: value for name, _, value in pairs if name not in ("PWD", "SHLVL", "_", "OLDPWD")}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files where every variable is set."""
    directory = tmp_path_factory.mktemp("everything")
    _render(directory, EVERYTHING)
    return directory


def test_every_variable_of_openwhisk_arrives(everything: Path) -> None:
    settings = load(_environment(everything), everything / "invoker.toml")
    assert settings.warnings == ()
    assert settings.kafka.hosts == ("kafka0:9093", "kafka1:9094")
    assert settings.kafka.replication_factor == 3
    assert (settings.kafka.topic_prefix, settings.kafka.user_event_prefix) == ("staging-", "users-")
    assert settings.store.subjects == "staging_subjects"
    assert settings.store.password == "store"
    assert settings.server.password == PASSWORD
    assert settings.server.username == "operator"
    assert settings.containers.dns == ("192.0.2.1", "192.0.2.2")
    assert settings.containers.extra_env == ("__OW_ALLOW_CONCURRENT=true",)
    assert settings.containers.extra_args == {"cap-add": ("NET_RAW",)}
    assert settings.containers.kinds == {"python:3-rdma": {"ulimit": ("memlock=-1",)}}
    assert settings.containers.rdma_device == "mlx5_0"
    assert (settings.pool.slots, settings.pool.user_memory_mb) == (32, 4096)
    assert settings.pool.user_cpus == 6.5
    assert settings.pool.pause_grace_ms == 9000
    assert settings.store.timeout_ms == 45000
    assert settings.limits.timeout_max_ms == 600000
    assert settings.limits.namespace_memory_max_mb == 1024
    assert settings.invoker.user_events is True
    assert settings.invoker.tags == ("rdma",)
    assert settings.invoker.dedicated_namespaces == ("team",)
    assert settings.invoker.cluster == "staging"


def test_no_variable_of_the_environment_is_left_out(everything: Path) -> None:
    rendered = _environment(everything)
    ssl = re.compile("ssl|https|keystore|DOCKER_HOST", re.IGNORECASE)
    declared = re.findall(
        r"(?m)^  ([A-Z][A-Za-z_0-9]+):", (ANSIBLE / "roles/swift_invoker/vars/main.yml").read_text()
    )
    assert len(declared) > 50
    missing = [name for name in declared if name not in rendered and not ssl.search(name)]
    assert missing == [
        "CONFIG_whisk_kafka_common_saslJaasConfig",
        "CONFIG_whisk_parameterStorage_aes256",
    ]


def test_openwhisks_composed_variables_win(tmp_path: Path) -> None:
    composed = {
        **NEEDED,
        "kafka": {"protocol": "PLAINTEXT", "topicsPrefix": "composed-", "replicationFactor": 2},
        "db": {
            "protocol": "http",
            "host": "composed",
            "port": 5985,
            "whisk": {"auth": "a", "actions": "b", "activations": "c"},
            "credentials": {"invoker": {"user": "u", "pass": "p"}},
        },
        "invoker": {"userMemory": "3072m", "port": 12001, "username": "x", "password": "y"},
        "runtimesManifest": runtimes_manifest(),
    }
    settings = _render(tmp_path, composed)
    assert settings.kafka.topic_prefix == "composed-"
    assert (settings.store.host, settings.store.port) == ("composed", 5985)
    assert (settings.store.subjects, settings.store.username) == ("a", "u")
    assert settings.pool.user_memory_mb == 3072
    assert (settings.server.username, settings.server.password) == ("x", "y")
    assert settings.server.port == 12001


def test_the_fleets_second_rdma_host_has_its_own_number_and_memory(tmp_path: Path) -> None:
    certificate = tmp_path / "kafka-truststore"
    certificate.write_text("")
    for name in ("kafka-keystore", "store-certificates.pem"):
        (tmp_path / name).write_text("")
    settings = _render(tmp_path, NEEDED, inventory="mixed-fleet", host="rdma2")
    assert settings.invoker.id == 4
    assert settings.server.port == 12005
    assert settings.server.host == "192.0.2.52"
    assert settings.pool.user_memory_mb == 65536
    assert settings.invoker.drain_limit_ms == 600000
    assert settings.kafka.truststore == str(certificate)
    unit = (tmp_path / "swift-invoker.service").read_text()
    assert "TimeoutStopSec=660" in unit
    assert "/var/log/openwhisk/invoker4/invoker4_logs.log" in unit


def test_the_secrets_are_in_a_file_of_their_own(everything: Path) -> None:
    others = [
        everything / name for name in ("invoker.env", "invoker.toml", "swift-invoker.service")
    ]
    for file in others:
        assert "quote" not in file.read_text()
        assert '"store"' not in file.read_text()
    assert "quote" in (everything / "secrets.env").read_text()


def test_the_page_names_every_variable() -> None:
    page = (REPOSITORY / "docs/deploying.md").read_text()
    missing = [
        name for name in EVERYTHING if not name.startswith("swift_") and f"`{name}`" not in page
    ]
    assert not missing


def test_the_manifest_stays_json(everything: Path) -> None:
    assert json.loads((everything / "runtimes.json").read_text()) == runtimes_manifest()
