from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from devstack.paths import Paths
from runtime_image import build
from tests.integration.containers.conftest import docker_host  # noqa: F401  a fixture
from tests.unit.runtime_image.harness import Client, until

TAG = "swift-test-image:runtime"

Start = Callable[..., Container]


@pytest.fixture(scope="session")
def engine(docker_host: str) -> docker.DockerClient:  # noqa: F811
    """The engine, with our images built in it."""
    client = build.connect(docker_host)
    paths = Paths.find()
    build.build(client, build.RUNTIME, TAG, paths, print)
    for image in build.PLAIN:
        build.build(client, image, image.tag, paths, print)
    return client


@pytest.fixture
def start(engine: docker.DockerClient) -> Iterator[Start]:
    """Starts containers as the invoker does: few capabilities, few files, no network needed."""
    started: list[Container] = []

    def run(image: str, **options: object) -> Container:
        container = engine.containers.run(
            image, detach=True, cap_drop=["NET_RAW", "NET_ADMIN"], pids_limit=1024,
            ulimits=[docker.types.Ulimit(name="nofile", soft=1024, hard=1024)], **options,
        )  # fmt: skip
        started.append(container)
        return container

    yield run
    for container in started:
        container.remove(force=True)


@pytest.fixture
def swift(start: Start) -> Iterator[Client]:
    """The runtime image, spoken to over its socket."""
    # not pytest's own directory: its path is too long for a socket's
    with tempfile.TemporaryDirectory(prefix="swift-") as directory:
        start(
            TAG,
            network_mode="none",
            mem_limit="256m",
            volumes={directory: {"bind": "/run/swift"}},
            environment={"SWIFT_SOCKET": "/run/swift/proxy.sock", "SWIFT_PORT": "0"},
        )
        path = Path(directory, "proxy.sock")
        until(path.exists, "the container's socket")
        yield Client(str(path))
