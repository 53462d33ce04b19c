"""A whole invoker whose containers join networks made ahead, and that leaves none behind."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from invoker_plugin.containers import labels
from tests.integration.controller.conftest import controller_process
from tests.integration.deployment.conftest import (
    MANIFEST,
    PING_TIMEOUT_MS,
    RDMA_KIND,
    await_healthy,
    invoker_environment,
)
from tests.integration.deployment.running import (
    Deployment,
    running_invoker,
    started,
)
from tests.polling import eventually
from tests.prometheus import value

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]

READY = 2
ADDRESS = "import socket\ndef main(args): return {'ip': socket.gethostbyname(socket.gethostname())}"


@pytest.fixture
def own(
    kafka_hosts: str, store_settings: dict[str, Any], runtimes: str, tmp_path: Path
) -> Iterator[Deployment]:
    """A deployment whose invoker keeps networks ready."""
    # Not pytest's own directory: its path is too long for a socket's.
    root = tempfile.mkdtemp(prefix="swift-")
    toml = "\n".join(
        [
            f"[containers]\nsocket_root = {json.dumps(root)}\nready_networks = {READY}",
            f"[store]\nspool_directory = {json.dumps(str(tmp_path / 'spool'))}",
            f"[kafka]\njournal_directory = {json.dumps(str(tmp_path / 'journal'))}",
        ]
    )
    try:
        with controller_process(
            kafka_hosts, store_settings, tmp_path, MANIFEST, PING_TIMEOUT_MS
        ) as up:
            environment = invoker_environment(up, kafka_hosts, store_settings, runtimes, MANIFEST)
            with running_invoker(tmp_path, environment, toml) as invoker:
                await_healthy(up, invoker)
                yield Deployment(up, invoker)
    finally:
        shutil.rmtree(root)


def mine(own: Deployment, client: docker.APIClient, role: str | None) -> list[dict[str, Any]]:
    """This invoker's containers of that role, or of any other than a network's holder."""
    prefix = f"wsk{own.invoker.unique_name}0_"
    found = client.containers(all=True, filters={"name": prefix})
    return [
        client.inspect_container(one["Id"])
        for one in found
        if (one["Labels"].get(labels.ROLE) == "network") == (role == "network")
    ]


def test_cold_starts_join_and_a_shutdown_leaves_nothing(own: Deployment, runtimes: str) -> None:
    client = docker.APIClient(base_url=runtimes, version="auto")

    def ready() -> bool:
        return bool(own.invoker.state()["ready_networks"]["ready"] == READY)

    for name, kind in (("plain", "python:3"), ("forking", RDMA_KIND)):
        own.create(name, ADDRESS, kind)
        eventually(ready, "the networks")
        record = own.invoke(name)
        assert started(record) == "cold"
        assert record["response"]["success"], record
        holders = {one["Id"]: one for one in mine(own, client, "network")}
        modes = [one["HostConfig"]["NetworkMode"] for one in mine(own, client, None)]
        joined = [holders.get(mode.removeprefix("container:")) for mode in modes]
        addresses = {one["NetworkSettings"]["IPAddress"] for one in joined if one}
        assert record["response"]["result"]["ip"] in addresses
    told = own.invoker.state()["ready_networks"]
    assert told["joined"] >= 2
    assert told["trouble"] is None
    text = own.invoker.ask("GET", "/metrics", login=False)[1]
    assert value(text, "swift_invoker_ready_network_starts_total", result="joined") >= 2
    assert own.invoker.terminate() == 0, own.invoker.log_text()
    assert [*mine(own, client, None), *mine(own, client, "network")] == []
