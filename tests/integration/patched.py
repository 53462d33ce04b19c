"""The patched image on the RDMA machine, for tests of what only it can do."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pytest

from devstack.errors import DevstackError
from devstack.lock import exclusive
from devstack.machine import RdmaMachine
from devstack.stack import Stack
from runtime_image import build


def have(stack: Stack, docker_host: str, *images: build.Image) -> RdmaMachine:
    """The machine, up, with the images on it. Our own rdma-core is compiled the first time."""
    try:
        with exclusive(stack.paths):
            stack.up(["machine"])
    except DevstackError as error:
        pytest.fail(f"the RDMA machine cannot be had: {error}", pytrace=False)
    client = build.connect(docker_host)
    for image in images:
        build.build(client, image, image.tag, stack.paths, print)
        stack.machine.load_image(image.tag)
    return stack.machine


def shell(machine: RdmaMachine, script: str, *, check: bool = True, timeout_s: float = 120) -> str:
    """What a script of the machine's shell prints, errors included."""
    done = machine.run(["sh", "-c", f"exec 2>&1; {script}"], check=check, timeout_s=timeout_s)
    return done.stdout


def uverbs(machine: RdmaMachine, device: str) -> str:
    """The device's file, by name."""
    script = f"grep -lx {device} /sys/class/infiniband_verbs/*/ibdev"
    return shell(machine, script).strip().split("/")[4]


def container(image: str, devices: Sequence[str], command: str, *options: str) -> str:
    """The line that runs ``command`` in a container with these devices and the machine's cache."""
    program, *arguments = shlex.split(command)
    words = ["docker", "run", "--rm", "--network=host", "--ulimit=memlock=268435456"]
    words += [f"--device=/dev/infiniband/{device}" for device in devices]
    words += ["--volume=/run/swift-verbs:/run/swift-verbs:ro", *options]
    return shlex.join([*words, f"--entrypoint={program}", image, *arguments])
