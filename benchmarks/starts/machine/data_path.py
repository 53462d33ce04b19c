"""Runs on the RDMA machine: the data path in containers, with each image, in turn."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import peer
from runtime import Host

PERFTEST = ("ib_write_lat", "ib_write_bw", "ib_send_bw")
LOOPS = ("parent", "fork_mode", "child")
_HERE = Path(__file__).resolve().parent
_OF_THE_IMAGE = ("ld-linux", "linux-vdso", "libc.", "libm.", "libibverbs", "librdmacm", "libnl",
                 "libmlx", "libefa")  # fmt: skip


def take_perftest(target: Path) -> None:
    """The machine's perftest, and what of its libraries no image has; raises RuntimeError."""
    for name in ("bin", "lib"):
        (target / name).mkdir(parents=True, exist_ok=True)
    for name in PERFTEST:
        program = shutil.which(name)
        if program is None:
            raise RuntimeError(f"{name} is not on the machine: apt-get install perftest")
        shutil.copy(program, target / "bin" / name)
        listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
        for line in listing.stdout.splitlines():
            library, _, place = line.strip().partition(" => ")
            if place and not os.path.basename(library).startswith(_OF_THE_IMAGE):
                shutil.copy(place.split()[0], target / "lib" / library)


class Driver:
    """A container of one image in which data_path_driver.py answers."""

    def __init__(self, host: Host, label: str, tag: str, gid_index: str) -> None:
        options = ["--device", host.uverbs(), "--ulimit", "memlock=268435456", "--cap-drop"]
        mounts = [word for bind in host.binds for word in ("--volume", bind)]
        self._process = subprocess.Popen(
            ["docker", "run", "--rm", "--interactive", "--name", f"swift-path-{label}", *options,
             "NET_RAW", "--cap-drop", "NET_ADMIN", *mounts, "--volume", f"{_HERE}:/bench:ro",
             "--entrypoint", "/usr/bin/python3", tag, "-P", "-s", "/bench/data_path_driver.py",
             host.device, gid_index],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def measure(self, what: str) -> dict[str, Any]:
        """One measurement."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(what, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{what} could not be measured; see above")
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


def measure(host: Host, given: argparse.Namespace) -> dict[str, Any]:
    """Samples by ``LABEL WHAT``; the first round is not counted."""
    take_perftest(_HERE / "perftest")
    samples: dict[str, list[dict[str, Any]]] = {}
    with ExitStack() as stack:
        drivers = {}
        for label, tag in given.images.items():
            drivers[label] = Driver(host, label, tag, given.gid_index)
            stack.callback(drivers[label].close)
        for number in range(given.rounds + 1):
            for what in given.what.split(","):
                for label, driver in drivers.items():
                    sample = driver.measure(what)
                    if number > 0:
                        samples.setdefault(f"{label} {what}", []).append(sample)
    return samples


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gid-index", default="1")
    parser.add_argument("--what", default=",".join((*PERFTEST, *LOOPS)))
    peer.run(measure, parser)
