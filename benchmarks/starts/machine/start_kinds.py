"""Runs on the RDMA machine: each kind of start, with each image, in turn.

A sample is milliseconds by stage; ``first_completion`` is from the request to the action's first
RDMA completion, ``answer`` to the end of the runtime's answer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import peer
from action import CODE
from runtime import Answer, Host, Runtime, started

Sample = dict[str, Any]
_HERE = Path(__file__).resolve().parent


class Image:
    """What is kept of one image between rounds: templates, a warm worker, a process starter.

    Each is made when a kind first needs it.
    """

    def __init__(self, host: Host, label: str, tag: str, stack: ExitStack) -> None:
        self._host, self._label, self._tag, self._stack = host, label, tag, stack
        self._count = 0

    @cached_property
    def _template(self) -> Runtime:
        return self._made("template", peers=[self._host.peer])

    @cached_property
    def _worker(self) -> Runtime:
        """The template, once it has a worker that is idle."""
        self._template.run("warm", "fork")
        return self._template

    @cached_property
    def _spares(self) -> Runtime:
        return self._made("spares", peers=[self._host.peer], spares=1)

    @cached_property
    def _other(self) -> Runtime:
        return self._made("undeclared")

    @cached_property
    def _processes(self) -> _Processes:
        processes = _Processes(self._host, self._tag, f"{self._label}-processes")
        self._stack.callback(processes.close)
        return processes

    def _made(self, name: str, **wish: Any) -> Runtime:
        container = started(self._host, self._tag, f"{self._label}-{name}")
        runtime = self._stack.enter_context(container)
        runtime.init(CODE, **wish)
        return runtime

    def process(self) -> Sample:
        """A cold Python process in a container that runs: no runtime, no HTTP."""
        return self._processes.measure()

    def cold(self) -> Sample:
        """A container, its init, its first run."""
        self._count += 1
        runtime = Runtime(self._host, self._tag, f"{self._label}-cold-{self._count}")
        begin_ns = time.monotonic_ns()
        try:
            runtime.start()
            container_ms = _since(begin_ns)
            return {"container": container_ms, **self._init_and_run(runtime, begin_ns)}
        finally:
            runtime.remove()

    def prewarm(self) -> Sample:
        """A container that waits for an action since a while: its init, its first run."""
        self._count += 1
        with started(self._host, self._tag, f"{self._label}-prewarm-{self._count}") as runtime:
            runtime.settle()
            return self._init_and_run(runtime, time.monotonic_ns())

    def warm(self) -> Sample:
        """The idle worker again."""
        self._worker.settle()
        begin_ns = time.monotonic_ns()
        return sample_of(begin_ns, self._worker.run("warm", "warm"))

    def fork(self) -> Sample:
        """A new worker; its template has connected to the peer that the action declares."""
        return self._fork(self._template)

    def spare(self) -> Sample:
        """A new worker that was forked ahead and has waited; the peer is declared."""
        return self._fork(self._spares)

    def fork_undeclared(self) -> Sample:
        """A new worker; the peer is met in the activation."""
        return self._fork(self._other)

    def _fork(self, runtime: Runtime) -> Sample:
        self._count += 1
        runtime.settle()
        begin_ns = time.monotonic_ns()
        answer = runtime.run(f"w{self._count}", "fork")
        sample = sample_of(begin_ns, answer)
        if answer.swift["spare"] is not (runtime is self._spares):
            raise RuntimeError(f"a spare was wanted, or none: {answer.swift}")
        runtime.end(f"w{self._count}")
        return sample

    def _init_and_run(self, runtime: Runtime, begin_ns: int) -> Sample:
        init_ns = time.monotonic_ns()
        runtime.init(CODE, peers=[self._host.peer])
        init_ms = _since(init_ns)
        return {"init": init_ms, **sample_of(begin_ns, runtime.run("first", "fork"))}


KINDS = ("process", "cold", "prewarm", "warm", "fork", "spare", "fork_undeclared")


class _Processes:
    """Starts cold Python processes in a container of the image, one after the other."""

    def __init__(self, host: Host, tag: str, name: str) -> None:
        self._peer = host.peer
        options = ["--name", f"swift-starts-{name}", "--device", host.uverbs()]
        limits = ["--ulimit", "memlock=268435456", "--cap-drop", "NET_RAW", "--cap-drop"]
        mounts = [word for bind in host.binds for word in ("--volume", bind)]
        self._process = subprocess.Popen(
            ["docker", "run", "--rm", "--interactive", *options, *limits, "NET_ADMIN", *mounts,
             "--env", f"SWIFT_RDMA_DEVICE={host.device}", "--volume", f"{_HERE}:/bench:ro",
             "--entrypoint", "/usr/bin/python3", tag, "-P", "-s", "/bench/cold_process.py",
             "spawn"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def measure(self) -> Sample:
        """One process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(self._peer, file=self._process.stdin, flush=True)
        sample: Sample = json.loads(self._process.stdout.readline())
        return sample

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


def measure(host: Host, given: argparse.Namespace) -> dict[str, Any]:
    """Samples by ``LABEL KIND``; the first round is not counted."""
    samples: dict[str, list[Sample]] = {}
    with ExitStack() as stack:
        images = {label: Image(host, label, tag, stack) for label, tag in given.images.items()}
        for number in range(given.rounds + 1):
            for kind in given.kinds.split(","):
                for label, image in images.items():
                    sample = getattr(image, kind)()
                    if number > 0:
                        samples.setdefault(f"{label} {kind}", []).append(sample)
    return samples


def sample_of(begin_ns: int, answer: Answer) -> Sample:
    """The stages of a run that was asked for at ``begin_ns`` and has just been answered."""
    answered = _since(begin_ns)
    swift, body = answer.swift, answer.body
    return {
        "first_completion": (body["done_ns"] - begin_ns) / 1e6,
        "answer": answered,
        "fork": swift["fork_ms"],
        "function": (body["done_ns"] - body["begin_ns"]) / 1e6,
        "rdma": swift["rdma_ms"],
        "rung": swift["rdma"],
        "spare": swift["spare"],
        "phases": swift["phases"],
    }


def _since(begin_ns: int) -> float:
    return (time.monotonic_ns() - begin_ns) / 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join(KINDS))
    peer.run(measure, parser)
