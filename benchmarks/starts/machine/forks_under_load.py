"""Runs on the RDMA machine: 1, 4, 16, 64 children of one template at once, with each image."""

from __future__ import annotations

import argparse
import statistics
from contextlib import ExitStack
from typing import Any

import peer
from action import CODE
from burst import fork_all
from runtime import Host, Runtime, started

Sample = dict[str, Any]


def burst(runtime: Runtime, count: int, round_number: int) -> Sample:
    """``count`` forks at once: milliseconds to their completions, KiB that each has alone."""
    names = [f"r{round_number}-{count}-{number}" for number in range(count)]
    runtime.settle()
    begin_ns, answers = fork_all(runtime, names)
    done_ms = [(answer.body["done_ns"] - begin_ns) / 1e6 for answer in answers]
    private = [worker["private_kb"] for worker in runtime.state()["workers"]]
    for name in names:
        runtime.end(name)
    return {
        "first_completion": min(done_ms),
        "median_completion": statistics.median(done_ms),
        "last_completion": max(done_ms),
        "last_by_child": max(done_ms) / count,
        "private_kib": statistics.median(private),
        "private_kib_most": max(private),
        "rungs": sorted({answer.swift["rdma"] for answer in answers}),
    }


def measure(host: Host, given: argparse.Namespace) -> dict[str, Any]:
    """Samples by ``LABEL COUNT``; the first round is not counted."""
    samples: dict[str, list[Sample]] = {}
    counts = [int(text) for text in given.counts.split(",")]
    with ExitStack() as stack:
        templates = {}
        for label, tag in given.images.items():
            templates[label] = stack.enter_context(started(host, tag, f"{label}-load"))
            templates[label].init(CODE, slots=max(counts), peers=[host.peer])
        for number in range(given.rounds + 1):
            for count in counts:
                for label, runtime in templates.items():
                    sample = burst(runtime, count, number)
                    if number > 0:
                        samples.setdefault(f"{label} {count}", []).append(sample)
    return samples


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="1,4,16,64")
    peer.run(measure, parser)
