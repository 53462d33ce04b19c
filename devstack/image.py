"""The container images, built on the host's Docker Engine and had on the machine."""

from __future__ import annotations

import os

from devstack import commands
from devstack.environment import PYTHON
from devstack.machine import Engine, RdmaMachine
from devstack.manifest import RDMA_IMAGES, images, rdma_image
from devstack.paths import REPOSITORY, Paths


def ensure_built(paths: Paths, engine: Engine) -> str:
    """Have the images on the host's engine; ``runtime_image.build`` keeps what is up to date."""
    log = paths.logs / "image.log"
    chosen = next(name for name, tag in RDMA_IMAGES.items() if tag == rdma_image(os.environ))
    commands.run(
        [
            str(PYTHON), "-m", "runtime_image.build", "--plain",
            *([f"--{chosen}"] if chosen != "debian" else []),
            "--docker-host", engine.docker_host_url,
        ],
        log,
        what="building the runtime images",
        directory=REPOSITORY,
    )  # fmt: skip
    built = "  build " in log.read_text().rpartition("$ ")[2]
    return f"{'built' if built else 'kept'}: {', '.join(images())}"


def ensure_loaded(machine: RdmaMachine) -> str:
    """Have the images on the machine: quick while it is down, they are on its disk then."""
    for tag in images():
        machine.load_image(tag)
    return f"{len(images())} images"
