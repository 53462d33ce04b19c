"""The RDMA machine with both images, and scripts of ``machine/`` run on it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
for place in (REPOSITORY, REPOSITORY / "runtime_image"):
    sys.path.insert(0, str(place))

from devstack.errors import DevstackError  # noqa: E402  # the path above comes first
from devstack.lock import exclusive  # noqa: E402
from devstack.machine import (  # noqa: E402
    RdmaMachine,
    machine_kind,
    machine_programs,
    open_engine,
    open_machine,
)
from devstack.manifest import RDMA_IMAGES  # noqa: E402
from devstack.packages import ensure_programs  # noqa: E402
from devstack.paths import Paths  # noqa: E402
from devstack.worker import rdma_device  # noqa: E402
from runtime_image import build  # noqa: E402

REMOTE = "/tmp/swift-starts"
_TIMEOUT_S = 3600.0
_BUILT = {image.tag: image for image in (build.RUNTIME, build.STOCK, build.PATCHED)}


@dataclass(frozen=True)
class Rig:
    """A machine that is up, and the images that are measured there."""

    machine: RdmaMachine
    images: Sequence[str]
    """Keys of ``RDMA_IMAGES``."""

    def measure(self, script: str, *options: str) -> dict[str, Any]:
        """What ``machine/SCRIPT`` found: its conditions and samples."""
        for directory in (HERE / "machine", REPOSITORY / "runtime_image" / "swift_rdma"):
            remote = REMOTE if directory.name == "machine" else f"{REMOTE}/{directory.name}"
            self.machine.run(["mkdir", "-p", remote])
            self.machine.push(directory, remote)
        images = [word for name in self.images for word in ("--image", self._pair(name))]
        place = ["--address", self.machine.rdma_address, "--device", rdma_device(self.machine)]
        command = ["env", f"PYTHONPATH={REMOTE}", "/usr/bin/python3", f"{REMOTE}/{script}"]
        done = self.machine.run([*command, *place, *images, *options], timeout_s=_TIMEOUT_S)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        found["conditions"]["machine"] = self.machine.kind
        return found

    @staticmethod
    def _pair(name: str) -> str:
        return f"{name}={RDMA_IMAGES[name]}"


def bring_up(images: Sequence[str]) -> Rig:
    """Have the machine up with these images; builds what is missing. Raises DevstackError."""
    paths = Paths.find()
    with exclusive(paths):
        ensure_programs(paths, machine_programs(machine_kind(paths)))
        machine, engine = open_machine(paths), open_engine(paths)
        _say(f"engine: {engine.up()}")
        client = build.connect(engine.docker_host_url)
        for name in images:
            tag = RDMA_IMAGES[name]
            build.build(client, _BUILT[tag], tag, paths, _say)
            machine.load_image(tag)
        _say(f"machine: {machine.build()}")
        _say(f"machine: {machine.up()}")
    return Rig(machine, images)


def command_line(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """The options that all benchmarks here have."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    parser.add_argument(
        "--images", default="stock,patched",
        help=f"of {', '.join(RDMA_IMAGES)} (default: stock,patched; all but debian are compiled"
        " the first time)",
    )  # fmt: skip
    return parser


def images_of(given: argparse.Namespace) -> list[str]:
    """The images that ``--images`` names; raises DevstackError."""
    names = given.images.split(",")
    if unknown := [name for name in names if name not in RDMA_IMAGES]:
        raise DevstackError(f"--images: {', '.join(unknown)}: choose of {', '.join(RDMA_IMAGES)}")
    return list(names)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
