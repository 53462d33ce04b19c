"""The invoker's image: built, run on real Kafka, store and Docker, stopped with work in hand."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from deploy.container.build import invoker_image
from devstack.paths import Paths
from runtime_image import build
from tests.integration.containers.conftest import docker_host  # noqa: F401  a fixture
from tests.integration.controller.conftest import Controller, controller_process
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]

TAG = "swift-test-image:invoker"
RUNTIME = "swift-test-image:runtime"
NODEJS, PYTHON = build.PLAIN
DRAINED, FAILED = 0, 1
PING_TIMEOUT_MS = 10_000
_HEALTHY_S = 90.0
_DRAIN_S = 60
ACTION = """
import time

def main(args):
    print("begun")
    time.sleep(args.get("seconds", 0))
    return {"greeting": "hello " + args["name"]}
"""


def _runtime(kind: str, image: str, default: bool) -> dict[str, Any]:
    name, _, tag = image.partition(":")
    return {"kind": kind, "default": default, "image": {"prefix": "", "name": name, "tag": tag}}


MANIFEST = {
    "runtimes": {
        "nodejs": [_runtime("nodejs:20", NODEJS.tag, True)],
        "python": [
            _runtime("python:3", PYTHON.tag, True),
            _runtime("python:3-rdma", RUNTIME, False),
        ],
    }
}


@pytest.fixture(scope="module")
def engine(docker_host: str) -> docker.DockerClient:  # noqa: F811
    client = build.connect(docker_host)
    paths = Paths.find()
    build.build(client, invoker_image(paths), TAG, paths, print)
    build.build(client, build.RUNTIME, RUNTIME, paths, print)
    for image in build.PLAIN:
        build.build(client, image, image.tag, paths, print)
    return client


@pytest.fixture(scope="module")
def controller(
    kafka_hosts: str, store_settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Controller]:
    folder = tmp_path_factory.mktemp("controller")
    with controller_process(
        kafka_hosts, store_settings, folder, MANIFEST, PING_TIMEOUT_MS
    ) as started:
        yield started


@pytest.fixture
def invoker(
    engine: docker.DockerClient,
    docker_host: str,  # noqa: F811
    controller: Controller,
    kafka_hosts: str,
    store_settings: dict[str, Any],
) -> Iterator[Container]:
    """The image, started with the environment that OpenWhisk gives its own invoker."""
    unique = controller.namespace.removeprefix("test-")
    # Not pytest's own directory: its path is too long for a socket's.
    with tempfile.TemporaryDirectory(prefix="swift-") as directory:
        settings = Path(directory, "invoker.toml")
        sockets = Path(directory, "sockets")
        sockets.mkdir()
        settings.write_text(
            '[server]\nhost = "127.0.0.1"\n'
            f"[containers]\nsocket_root = {json.dumps(str(sockets))}\n"
        )
        socket = docker_host.removeprefix("unix://")
        container = engine.containers.run(
            TAG,
            ["run", "--id", "0", "--unique-name", unique, "--displayed-name", "invoker0"],
            detach=True,
            network_mode="host",
            environment={
                "KAFKA_HOSTS": kafka_hosts,
                "CONFIG_whisk_kafka_topics_prefix": f"{unique}-",
                "CONFIG_whisk_couchdb_protocol": store_settings["protocol"],
                "CONFIG_whisk_couchdb_host": store_settings["host"],
                "CONFIG_whisk_couchdb_port": str(store_settings["port"]),
                "CONFIG_whisk_couchdb_username": store_settings["user"],
                "CONFIG_whisk_couchdb_password": store_settings["password"],
                "CONFIG_whisk_couchdb_databases_WhiskAuth": store_settings["subjects"],
                "CONFIG_whisk_couchdb_databases_WhiskEntity": store_settings["whisks"],
                "CONFIG_whisk_couchdb_databases_WhiskActivation": store_settings["activations"],
                "CONFIG_whisk_containerPool_userMemory": "1024m",
                "CONFIG_whisk_invoker_resource_tags": " 'rdma' ",
                "RUNTIMES_MANIFEST": json.dumps(MANIFEST),
                "PORT": "0",
            },
            volumes={
                socket: {"bind": "/var/run/docker.sock"},
                str(sockets): {"bind": str(sockets)},
                str(settings): {"bind": "/etc/swift-invoker/invoker.toml", "mode": "ro"},
            },
        )
        try:
            eventually(lambda: _up_or_ended(controller, container), "an invoker", _HEALTHY_S)
            assert _states(controller) == ["up"], container.logs().decode()
            yield container
        finally:
            container.remove(force=True)
            for left in _actions(engine, unique):
                left.remove(force=True)


def _states(controller: Controller) -> list[str]:
    return list(controller.ask("GET", "/invokers")[1].values())


def _up_or_ended(controller: Controller, container: Container) -> bool:
    container.reload()
    return container.status == "exited" or _states(controller) == ["up"]


def _actions(engine: docker.DockerClient, unique: str) -> list[Container]:
    """The containers that the invoker made, by the part of the name that is its own."""
    return list(engine.containers.list(all=True, filters={"name": f"^/wsk{unique}0_"}))


def _create(controller: Controller, kind: str) -> str:
    name = kind.replace(":", "-")
    body = {
        "exec": {"kind": kind, "code": ACTION},
        "annotations": [{"key": "rdma", "value": False}],
    }
    status, answer, _ = controller.ask("PUT", f"actions/{name}?overwrite=true", body)
    assert status == 200, answer
    return name


def test_activations_and_a_stop_that_loses_none(
    invoker: Container, controller: Controller, engine: docker.DockerClient
) -> None:
    for kind in ("python:3", "python:3-rdma"):
        name = _create(controller, kind)
        path = f"actions/{name}?blocking=true"
        status, record, _ = controller.ask("POST", path, {"name": kind})
        assert status == 200, (record, invoker.logs().decode())
        assert record["response"]["result"] == {"greeting": f"hello {kind}"}
    # the last one's image speaks the fork protocol, over a socket below the mounted root
    swift = [one for one in record["annotations"] if one["key"] == "swift"]
    assert swift, record

    answers: list[tuple[int, Any, dict[str, str]]] = []

    def call() -> None:
        answers.append(controller.ask("POST", path, {"name": "the last", "seconds": 3}))

    started = invoker.logs().count(b"activation-started")
    caller = threading.Thread(target=call)
    caller.start()
    eventually(lambda: invoker.logs().count(b"activation-started") > started, "the start")
    invoker.stop(timeout=_DRAIN_S)
    caller.join()
    status, record, _ = answers[0]
    assert status == 200, (record, invoker.logs().decode())
    assert record["response"]["result"] == {"greeting": "hello the last"}
    assert invoker.wait()["StatusCode"] == DRAINED
    unique = controller.namespace.removeprefix("test-")
    eventually(lambda: _actions(engine, unique) == [], "no container left")


def test_check_tells_what_is_missing(engine: docker.DockerClient) -> None:
    container = engine.containers.run(TAG, ["check"], detach=True, network_mode="none")
    try:
        code = container.wait(timeout=60)["StatusCode"]
        said = container.logs().decode()
    finally:
        container.remove(force=True)
    assert code == FAILED, said
    assert "KAFKA_HOSTS" in said
    assert "Traceback" not in said
