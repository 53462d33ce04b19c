"""A worker: a fork of the template that runs activations, one at a time, and leaves by _exit.

Nothing here may let an exception out: above this frame is the template's loop, which belongs to
the parent, and no destructor of the template's objects may run in a child.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from swift_runtime import activation, framing, freshness, hooks, process, rehearsal
from swift_runtime.loader import Function

EXIT_BROKEN = 70
"""Exit code when the runtime itself failed in the worker (EX_SOFTWARE)."""


@dataclass(frozen=True)
class Birth:
    """What the template gives a worker on its way."""

    name: str
    link: int
    """Descriptor of the socket to the proxy."""
    stdout: int
    stderr: int
    temporary_directory: str
    parent: int
    spare: bool = False
    """Forked ahead of its first activation (see spares.py)."""


class Worker:
    """Runs in the child (or, when the template can't be forked, in the template itself)."""

    def __init__(
        self,
        birth: Birth,
        function: Function,
        started_ns: int,
        fresh: Callable[[], bool] | None = None,
    ) -> None:
        self._birth = birth
        self._fresh = fresh
        """Whether a spare's inheritance is still of use."""
        self._function = function
        self._started_ns = started_ns
        self._link = socket.socket(fileno=birth.link)
        self._hook_failure: str | None = None

    def detach(self) -> None:
        """Become independent of the template: end, process group, memory, randomness."""
        process.die_with_parent(self._birth.parent)
        os.setpgid(0, 0)  # a session of its own would cost a scheduler group, and a millisecond
        process.offer_to_oom_killer()
        freshness.renew()

    def live(self) -> NoReturn:
        """Take activations until the proxy closes the socket; never returns."""
        try:
            self._take_output()
            os.mkdir(self._birth.temporary_directory, 0o700)
            os.environ["TMPDIR"] = self._birth.temporary_directory
            gc.enable()
            if self._birth.spare:
                self._wait()
            self._run_hooks()
            while (frame := framing.read(self._link)) is not None:
                self._activate(frame[1])
        except SystemExit as error:
            leave(activation.exit_code(error))
        except (BrokenPipeError, ConnectionResetError):
            leave(0)  # the proxy is gone, and nobody waits for an answer
        except BaseException:  # noqa: BLE001  see the module's docstring
            traceback.print_exc()
            leave(EXIT_BROKEN)
        leave(0)

    def _wait(self) -> None:
        """Be a spare until there is an activation, and say so before it begins."""
        rehearsal.touch_memory()
        if not self._link.recv(1, socket.MSG_PEEK):
            leave(0)
        if self._fresh is not None and not self._fresh():
            leave(EXIT_BROKEN)  # nothing was accepted: the proxy forks another
        self._started_ns = now_ns()
        self._link.sendall(framing.pack({"accepted": True}, b"")[0])

    def _take_output(self) -> None:
        os.dup2(self._birth.stdout, 1)
        os.dup2(self._birth.stderr, 2)
        os.close(self._birth.stdout)
        os.close(self._birth.stderr)

    def _run_hooks(self) -> None:
        try:
            hooks.run_after_fork()
        except Exception as error:  # noqa: BLE001  the user's hook: its failure is the answer
            traceback.print_exc()
            self._hook_failure = f"An after_fork hook failed: {error}"

    def _activate(self, body: bytes) -> None:
        request = json.loads(body)
        activation.export(request)
        rdma = _rdma_phases()
        if rdma is not None:
            rdma.reset()
        if self._hook_failure is None:
            answer = activation.run(self._function, request.get("value", {}))
        else:
            answer = activation.Answer(502, activation.encode({"error": self._hook_failure}), 0.0)
        flush_output()
        header = {
            "status": answer.status,
            "run_ms": answer.run_ms,
            "started_ns": self._started_ns,
            **_rdma_report(),
        }
        for piece in framing.pack(header, answer.body):
            self._link.sendall(piece)
        if self._hook_failure is not None:
            leave(EXIT_BROKEN)


def _rdma_phases() -> Any:
    """``swift_rdma.phases`` where the action (or the template) has imported it."""
    return sys.modules.get("swift_rdma.phases")


def _rdma_report() -> dict[str, Any]:
    """What setting RDMA up took inside this activation."""
    phases = _rdma_phases()
    measured: dict[str, float] = phases.snapshot() if phases is not None else {}
    if phases is None or not (measured or phases.used()):
        return {"rdma": None, "rdma_reason": None, "rdma_ms": None, "phases": {}}
    return {
        "rdma": phases.rung(),
        "rdma_reason": phases.reason(),
        "rdma_ms": round(sum(measured.values()), 3),
        "phases": measured,
    }


def flush_output() -> None:
    """Push out what Python still holds; user code may have closed or replaced the streams."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()


def leave(code: int) -> NoReturn:
    """Exit at once: no destructor, no atexit, no waiting for threads."""
    flush_output()
    os._exit(code)


def now_ns() -> int:
    """The clock that proxy and workers share."""
    return time.monotonic_ns()
