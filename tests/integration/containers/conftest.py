"""A Docker Engine, and images to try it with that come from no registry."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.utils
import pytest

from devstack.errors import DevstackError
from devstack.lock import exclusive
from devstack.machine_parts import engine_part
from devstack.stack import Stack
from invoker_plugin.containers import labels
from invoker_plugin.containers.settings import ContainerSettings

PLAIN = "swift-test/runtime:plain"
SWIFT = "swift-test/runtime:swift"
IMAGE = Path(__file__).parent / "image"


@pytest.fixture(scope="session")
def docker_host(devstack: Stack) -> str:
    """A Docker Engine: that of DOCKER_HOST, else the devstack's."""
    given = os.environ.get("DOCKER_HOST")
    if given:
        return given
    try:
        with exclusive(devstack.paths):
            devstack.up(["engine"])
    except DevstackError as error:
        pytest.fail(f"the devstack's Docker Engine cannot be had: {error}", pytrace=False)
    return engine_part(devstack.paths).environment()["DOCKER_HOST"]


@pytest.fixture(scope="session")
def images(docker_host: str) -> Iterator[None]:
    """The test runtime, without and with the label of the Swift protocol."""
    client = docker.APIClient(base_url=docker_host, version="auto")
    entry = f'ENTRYPOINT ["{sys.base_prefix}/bin/python3", "-S", "/runtime.py"]'
    label = f"LABEL {labels.PROTOCOL}=1"
    for image, changes in ((PLAIN, [entry]), (SWIFT, [entry, label])):
        name, _, tag = image.partition(":")
        client.import_image_from_data(_file_system(), repository=name, tag=tag, changes=changes)
    nothing = ['CMD ["/no/such/program"]']
    client.import_image_from_data(_file_system(), "swift-test/nothing", "1", changes=nothing)
    yield
    for image in (PLAIN, SWIFT, "swift-test/nothing:1"):
        client.remove_image(image, force=True)


def _file_system() -> bytes:
    """An image's whole content, as a tar file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(IMAGE / "runtime.py", "runtime.py")
        for directory in ("tmp", "run"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
    return buffer.getvalue()


@pytest.fixture
def settings(docker_host: str, images: None) -> Iterator[ContainerSettings]:
    """Settings for an invoker that nobody else is, whose containers are gone afterwards."""
    prefix = f"wsktest{secrets.token_hex(4)}_"
    # Not pytest's own directory: its path is too long for a socket's.
    root = tempfile.mkdtemp(prefix="swift-")
    own = {sys.base_prefix, "/usr", "/lib", "/lib64"}
    yield ContainerSettings(
        name_prefix=prefix,
        user_memory_mb=2048,
        docker_host=docker_host,
        socket_root=root,
        options={"volume": tuple(f"{one}:{one}:ro" for one in own if os.path.isdir(one))},
    )
    client = docker.APIClient(base_url=docker_host, version="auto")
    for container in client.containers(all=True, filters={"name": prefix}):
        client.remove_container(container["Id"], force=True)
    shutil.rmtree(root)
