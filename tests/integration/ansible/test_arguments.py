"""What is wrong with an inventory is said in a line that tells what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.manifest import runtimes_manifest
from tests.integration.ansible.plays import play, role

COMPLETE: dict[str, Any] = {
    "kafka_connect_string": "127.0.0.1:9",
    "db_host": "127.0.0.1",
    "db_port": 9,
    "db_invoker_pass": "secret",
    "invoker_password": "secret",
    "runtimes_manifest": runtimes_manifest(),
    "swift_invoker_packages": [],
}


@pytest.fixture
def port() -> Iterator[int]:
    """One of this host's loopback that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _refusal(directory: Path, name: str, entry: str, variables: dict[str, Any]) -> str:
    done = play(directory, [role(name, entry)], variables)
    assert done.returncode != 0, done.stdout
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kafka_connect_string": ""}, "no Kafka address for machine: set kafka_connect_string"),
        ({"db_host": ""}, "no CouchDB address for machine: set db_host"),
        ({"runtimes_manifest": {}}, "no runtimes manifest for machine: set runtimes_manifest"),
        ({"invoker_password": ""}, "set invoker_password (in a vault)"),
        (
            {"invoker_password": "invoker.pass", "swift_invoker_listen": "0.0.0.0"},
            "OpenWhisk's well-known one",
        ),
        (
            {"swift_invoker_kafka_protocol": "TLS"},
            "value of swift_invoker_kafka_protocol must be one of",
        ),
        ({"swift_invoker_drain_s": "a minute"}, "swift_invoker_drain_s"),
        ({}, "machine cannot reach Kafka at 127.0.0.1:9: see that it runs"),
    ],
)
def test_an_inventory_that_lacks_something(
    tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    assert said in _refusal(tmp_path, "swift_invoker", "prepare", {**COMPLETE, **wrong})


def test_a_store_that_cannot_be_reached(tmp_path: Path, port: int) -> None:
    reachable = {**COMPLETE, "kafka_connect_string": f"127.0.0.1:{port}"}
    refusal = _refusal(tmp_path, "swift_invoker", "prepare", reachable)
    assert "machine: cannot reach the store at http://127.0.0.1:9: see that it runs" in refusal
    assert "secret" not in refusal


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"rdma_host_found": []}, "machine has no RDMA device; load its card's driver"),
        (
            {"rdma_host_found": ["mlx5_0"], "rdma_host_device": "mlx5_1"},
            "machine has no RDMA device mlx5_1; set rdma_host_device to one of mlx5_0",
        ),
        ({"rdma_host_found": ["mlx5_0", "mlx5_1"]}, "set rdma_host_device to the one that"),
    ],
)
def test_a_host_without_the_rdma_device(tmp_path: Path, there: dict[str, Any], said: str) -> None:
    assert said in _refusal(tmp_path, "rdma_host", "choice", there)


def test_no_checkout_of_openwhisk(tmp_path: Path) -> None:
    assert "set openwhisk_home" in _refusal(tmp_path, "openwhisk_overlay", "main", {})


def test_no_key_for_the_api(tmp_path: Path) -> None:
    assert "set swift_verify_auth" in _refusal(tmp_path, "swift_verify", "main", {})
