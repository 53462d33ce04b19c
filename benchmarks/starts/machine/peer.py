"""The memory server that actions write to, and the run that a benchmark makes against it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from docker_api import Engine
from runtime import Host

_ENGINE = "/var/run/docker.sock"
CACHE_DIRECTORY = "/run/swift-verbs"
"""Where patched libraries look for the discovery cache."""


@contextmanager
def memory_server(address: str, device: str) -> Iterator[str]:
    """A memory server on this machine; its ``host:port``."""
    command = [sys.executable, "-m", "swift_rdma.memory_server", "--host", address]
    options = ["--port", "0", "--device", device, "--bytes", "65536", "--spare", "16"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the memory server did not start")
        yield f"{address}:{json.loads(line)['port']}"
    finally:
        process.terminate()
        process.wait(20)


def conditions() -> dict[str, Any]:
    """What a figure means nothing without."""
    return {
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


def run(
    measure: Callable[[Host, argparse.Namespace], dict[str, Any]],
    arguments: argparse.ArgumentParser,
) -> None:
    """The command line of a script here: prints one JSON object of all samples."""
    arguments.add_argument("--address", required=True, help="of the memory server")
    arguments.add_argument("--device", required=True)
    arguments.add_argument("--image", action="append", required=True, help="LABEL=TAG")
    arguments.add_argument("--rounds", type=int, default=10)
    given = arguments.parse_args()
    given.images = dict(pair.split("=", 1) for pair in given.image)
    binds = (f"{CACHE_DIRECTORY}:{CACHE_DIRECTORY}:ro",) if os.path.isdir(CACHE_DIRECTORY) else ()
    before = conditions()
    with memory_server(given.address, given.device) as peer:
        samples = measure(Host(Engine(_ENGINE), given.device, peer, binds), given)
    load = {"load_before": before.pop("load"), "load_after": conditions()["load"]}
    print(json.dumps({"conditions": {**before, **load}, "samples": samples}))
