"""``python -m runtime_image.build``: builds the runtime image, and plain ones for tests.

The base (Debian and packages) is made once; an edit of the runtime's source costs seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound

from devstack.errors import DevstackError
from devstack.paths import Paths
from runtime_image import base as bases
from runtime_image.rdma_core import RdmaCoreBase

CONTENT_LABEL = "org.swift-invoker.content"


@dataclass(frozen=True)
class Image:
    """An image of ours: the directory of its Dockerfile, what is copied, what it stands on."""

    tag: str
    base: bases.Base | RdmaCoreBase
    directory: Path
    copied: tuple[str, ...]

    def files(self) -> dict[str, bytes]:
        """The build context."""
        found = {"Dockerfile": (self.directory / "Dockerfile").read_bytes()}
        for name in self.copied:
            path = self.directory / name
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                found[str(file.relative_to(self.directory))] = file.read_bytes()
        return found

    def content(self) -> str:
        """A digest of everything the image is made from."""
        digest = hashlib.sha256(self.base.tag.encode())
        for name, data in sorted(self.files().items()):
            digest.update(f"{name} {len(data)}\n".encode() + data)
        return digest.hexdigest()


_COPIED = ("swift_runtime", "swift_rdma")
RUNTIME = Image("swift-runtime:debian", bases.PYTHON_RDMA, bases.HERE, _COPIED)
"""With Debian's own rdma-core: nothing is compiled for it."""
STOCK = Image(
    "swift-runtime:stock",
    RdmaCoreBase(bases.PYTHON_RDMA, "stock", "stock"),
    bases.HERE,
    _COPIED,
)
"""The baseline: the source that the patches are for, without them."""
PATCHED = Image(
    "swift-runtime:patched",
    RdmaCoreBase(bases.PYTHON_RDMA, "patched", "swift"),
    bases.HERE,
    _COPIED,
)
PLAIN = (
    Image("swift-test-nodejs:latest", bases.NODEJS, bases.HERE / "plain/nodejs", ("proxy.js",)),
    Image(
        "swift-test-python:latest", bases.PYTHON_RDMA, bases.HERE / "plain/python", ("proxy.py",)
    ),
)


def build(client: docker.DockerClient, image: Image, tag: str, paths: Paths, say: bases.Say) -> str:
    """Have ``image`` in the engine as ``tag``; the image's id. What is up to date is kept."""
    content = image.content()
    try:
        present = client.images.get(tag)
    except ImageNotFound:
        present = None
    if present is not None and present.labels.get(CONTENT_LABEL) == content:
        say(f"kept {tag}")
        return str(present.id)
    base_tag = image.base.ensure(client, paths, say)
    say(f"build {tag}")
    built, _ = client.images.build(
        fileobj=bases.context_of(image.files()),
        custom_context=True,
        tag=tag,
        rm=True,
        network_mode="none",
        buildargs={"BASE": base_tag},
        labels={CONTENT_LABEL: content},
    )
    return str(built.id)


def main() -> int:
    """The command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runtime_image.build", description=__doc__)
    parser.add_argument("--docker-host", help="URL of the engine (default: as docker has it)")
    parser.add_argument("--tag", default=RUNTIME.tag, help="tag of the runtime image")
    parser.add_argument("--plain", action="store_true", help="build the plain test images too")
    for name, image, which in (
        ("--stock", STOCK, "the same rdma-core without the patches"),
        ("--patched", PATCHED, "rdma-core of patches/"),
    ):
        words = f"build {image.tag} too, with {which} (compiles it the first time)"
        parser.add_argument(name, action="store_true", help=words)
    arguments = parser.parse_args()
    paths = Paths.find()
    paths.create()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True)

    further = list(PLAIN) if arguments.plain else []
    further += [STOCK] if arguments.stock else []
    further += [PATCHED] if arguments.patched else []
    wanted = [(RUNTIME, arguments.tag), *((image, image.tag) for image in further)]
    try:
        client = connect(arguments.docker_host)
        for image, tag in wanted:
            say(f"{tag} is {build(client, image, tag, paths, say)}")
    except (DockerException, DevstackError) as error:
        print(f"the image could not be built: {error}", file=sys.stderr)
        return 1
    return 0


def connect(docker_host: str | None) -> docker.DockerClient:
    """A client of the engine at that URL, or of the one the environment names."""
    if docker_host is None:
        return docker.from_env(timeout=300)
    return docker.DockerClient(base_url=docker_host, timeout=300)


if __name__ == "__main__":
    sys.exit(main())
