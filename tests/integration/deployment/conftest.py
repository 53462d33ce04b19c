"""A whole deployment but for the RDMA machine: Kafka, store, controller, Docker, invoker."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from devstack.paths import Paths
from runtime_image import build
from tests.integration.containers.conftest import docker_host  # noqa: F401  a fixture
from tests.integration.controller.conftest import Controller, controller_process
from tests.integration.deployment.running import (
    PASSWORD,
    USER,
    Deployment,
    RunningInvoker,
    running_invoker,
)

PING_TIMEOUT_MS = 20_000
RDMA_KIND = "python:3-rdma"
SWIFT_TAG = "swift-test-image:runtime"
DISABLED = "disabled"
PLAIN_PYTHON = "swift-test-python:latest"
BLACKBOX = "swift-test-blackbox:1"
MANIFEST: dict[str, Any] = {
    "runtimes": {
        "nodejs": [
            {"kind": "nodejs:20", "default": True, "image": {"name": "swift-test-nodejs"}},
        ],
        "python": [
            {"kind": "python:3", "default": True, "image": {"name": "swift-test-python"}},
            {"kind": RDMA_KIND, "image": {"name": "swift-test-image", "tag": "runtime"}},
        ],
    },
    "blackboxes": [{"prefix": "", "name": "swift-test-blackbox", "tag": "1"}],
}
TOML = """
[containers]
socket_root = {root}
[kafka]
journal_directory = {journal}
[store]
spool_directory = {spool}
"""


@pytest.fixture(scope="session")
def runtimes(docker_host: str) -> str:  # noqa: F811
    """The address of an engine that has the images of :data:`MANIFEST`."""
    client = build.connect(docker_host)
    paths = Paths.find()
    build.build(client, build.RUNTIME, SWIFT_TAG, paths, print)
    for image in build.PLAIN:
        build.build(client, image, image.tag, paths, print)
    return docker_host


@contextmanager
def deployed(
    kafka_hosts: str,
    store: dict[str, Any],
    engine: str,
    folder: Path,
    toml: str = "",
    store_toml: str = "",
    manifest: dict[str, Any] = MANIFEST,
    **environment: str,
) -> Iterator[Deployment]:
    """A controller and an invoker of their own, healthy.

    ``toml`` is added to the settings, ``store_toml`` to those of the store.
    """
    # Not pytest's own directory: its path is too long for a socket's.
    root = tempfile.mkdtemp(prefix="swift-")
    kept = {name: json.dumps(str(folder / name)) for name in ("spool", "journal")}
    settings = TOML.format(root=json.dumps(root), **kept) + store_toml + toml
    try:
        with controller_process(kafka_hosts, store, folder, manifest, PING_TIMEOUT_MS) as up:
            wanted = {
                **invoker_environment(up, kafka_hosts, store, engine, manifest),
                **environment,
            }
            with running_invoker(folder, wanted, settings) as invoker:
                await_healthy(up, invoker)
                yield Deployment(up, invoker)
    finally:
        shutil.rmtree(root)


def await_healthy(controller: Controller, invoker: RunningInvoker) -> None:
    """Until the invoker has run the controller's health action."""
    try:
        controller.await_state("up", 120)
    except AssertionError as late:
        raise AssertionError(f"{late}\n{invoker.log_text()}") from None


def invoker_environment(
    controller: Controller,
    kafka_hosts: str,
    store: dict[str, Any],
    engine: str,
    manifest: dict[str, Any],
) -> dict[str, str]:
    """What OpenWhisk's playbook would set."""
    unique = controller.namespace.removeprefix("test-")
    couch = {
        "protocol": store["protocol"],
        "host": store["host"],
        "port": str(store["port"]),
        "username": store["user"],
        "password": store["password"],
        "databases_WhiskAuth": store["subjects"],
        "databases_WhiskEntity": store["whisks"],
        "databases_WhiskActivation": store["activations"],
    }
    return {
        **{f"CONFIG_whisk_couchdb_{name}": value for name, value in couch.items()},
        "KAFKA_HOSTS": kafka_hosts,
        "CONFIG_whisk_kafka_topics_prefix": f"{unique}-",
        "RUNTIMES_MANIFEST": json.dumps(manifest),
        "CONFIG_whisk_containerPool_userMemory": "1024m",
        "CONFIG_whisk_invoker_resource_tags": "rdma",
        "CONFIG_whisk_concurrencyLimit_max": "10",
        "CONFIG_whisk_invoker_username": USER,
        "CONFIG_whisk_invoker_password": PASSWORD,
        "DOCKER_HOST": engine,
        "PORT": "0",
    }


@pytest.fixture(scope="package")
def deployment(
    kafka_hosts: str,
    store_settings: dict[str, Any],
    runtimes: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    """One for the tests of this folder, which leave it as it was."""
    folder = tmp_path_factory.mktemp("deployment")
    toml = f"[invoker]\ndisabled_file = {json.dumps(str(folder / DISABLED))}\n"
    with deployed(kafka_hosts, store_settings, runtimes, folder, toml) as up:
        yield up


@pytest.fixture(scope="session")
def blackbox(runtimes: str) -> str:
    """A user's own image: the plain Python one, which writes no sentinels."""
    client = docker.DockerClient(base_url=runtimes, version="auto")
    silent = "s/print(SENTINEL, file=stream, flush=True)/stream.flush()/"
    text = f"FROM {PLAIN_PYTHON}\nRUN sed -i '{silent}' /proxy.py\n"
    client.images.build(fileobj=io.BytesIO(text.encode()), tag=BLACKBOX, rm=True)
    return BLACKBOX
