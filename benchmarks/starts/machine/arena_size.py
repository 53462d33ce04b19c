"""Runs on the RDMA machine: forks of templates that registered more and more memory, in turn."""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from typing import Any

import peer
from action import CODE
from runtime import Host, started
from start_kinds import sample_of

SLOTS = 4
_MEMORY_BYTES = 2 << 30


def measure(host: Host, given: argparse.Namespace) -> dict[str, Any]:
    """Samples by ``LABEL SIZE MiB``; the first round is not counted."""
    samples: dict[str, list[dict[str, Any]]] = {}
    sizes = [int(text) for text in given.sizes.split(",")]
    with ExitStack() as stack:
        templates = {}
        for label, tag in given.images.items():
            for size in sizes:
                runtime = stack.enter_context(
                    started(
                        host, tag, f"{label}-arena-{size}", memory_bytes=_MEMORY_BYTES,
                        SWIFT_RDMA_SLICE_BYTES=str((size << 20) // SLOTS),
                    )
                )  # fmt: skip
                runtime.init(CODE, slots=SLOTS, peers=[host.peer])
                templates[f"{label} {size} MiB"] = runtime
        for number in range(given.rounds + 1):
            for name, runtime in templates.items():
                runtime.settle()
                begin_ns = time.monotonic_ns()
                answer = runtime.run(f"w{number}", "fork")
                runtime.end(f"w{number}")
                if number > 0:
                    samples.setdefault(name, []).append(sample_of(begin_ns, answer))
    return samples


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1,64,512", help="MiB, of all slots together")
    peer.run(measure, parser)
