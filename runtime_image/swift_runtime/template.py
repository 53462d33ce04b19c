"""The template: a single-threaded process that loads the action and is forked for each worker.

It never runs an activation, so that every worker starts from the same pristine state. Only when
it can't be forked safely it becomes the container's one worker itself.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from swift_runtime import hooks, loader, process, worker
from swift_runtime.activation import environment_text
from swift_runtime.channel import Channel, ChannelClosed, read_memory_file
from swift_runtime.sharing import Sharing

# Thread pools of numeric libraries start at import and would make the template unforkable.
_SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Template:
    """The zygote's loop: commands from the proxy, ends of workers."""

    def __init__(self, control: Channel, directory: str, rdma_device: str | None) -> None:
        self._control = control
        self._directory = directory
        self._sharing = Sharing(rdma_device)
        self._function: loader.Function | None = None
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._children: dict[int, tuple[str, int, int]] = {}
        """By pidfd: the worker's name, pid and slot."""

    def serve(self) -> NoReturn:
        """Run until the proxy closes the channel; workers die with this process."""
        _prepare_process()
        self._sharing.open()
        while True:
            ready = self._poll.poll(self._sharing.idle_ms())
            if not ready:
                self._sharing.step()
                self._tell_stale()
            for descriptor, _ in ready:
                if descriptor != self._control.fileno():
                    self._reap(descriptor)
                    continue
                try:
                    message, descriptors = self._control.receive()
                except ChannelClosed:
                    os._exit(0)
                self._obey(message, descriptors)

    def _obey(self, message: dict[str, Any], descriptors: list[int]) -> None:
        command = message["command"]
        if command == "init":
            self._control.send(self._initialise(read_memory_file(descriptors[0]), message))
        elif command == "fork":
            self._fork(message["worker"], message["slot"], descriptors, message["spare"])
        elif command == "become":
            self._become(message["worker"], descriptors)
        elif command == "kill":
            self._kill(message["worker"])

    def _initialise(self, body: bytes, wish: Mapping[str, Any]) -> dict[str, Any]:
        begin = time.perf_counter()
        try:
            self._load(json.loads(body)["value"])
        except SystemExit as error:
            return {"event": "failed", "error": f"The action's code called sys.exit({error.code})."}
        except loader.LoadError as error:
            print(error, file=sys.stderr)
            return {"event": "failed", "error": str(error)}
        except BaseException as error:  # noqa: BLE001  whatever user code raises at import
            traceback.print_exc()
            text = f"The action failed to initialize: {type(error).__name__}: {error}"
            return {"event": "failed", "error": f"{text}. See logs for details."[:4096]}
        finally:
            worker.flush_output()
        reason = _why_not_forkable()
        self._share(wish, reason)
        _freeze()
        elapsed_ms = round((time.perf_counter() - begin) * 1000, 3)
        return {
            "event": "initialised",
            "reason": reason,
            "template_ms": elapsed_ms,
            "rdma": self._sharing.rung if wish["rdma"] else None,
            "rdma_reason": self._sharing.reason if wish["rdma"] else None,
            "rdma_place": self._sharing.place,
        }

    def _share(self, wish: Mapping[str, Any], not_forkable: str | None) -> None:
        refusal = None if wish["rdma"] else "the action wants no RDMA"
        self._sharing.prepare(wish["slots"], wish["peers"], refusal or not_forkable)

    def _load(self, value: Mapping[str, Any]) -> None:
        for name, content in (value.get("env") or {}).items():
            os.environ[name] = environment_text(content)
        os.environ["TMPDIR"] = tempfile.tempdir = os.path.join(self._directory, "template")
        os.makedirs(os.environ["TMPDIR"], mode=0o700)
        os.mkdir(os.path.join(self._directory, "workers"), 0o700)
        action = Path(self._directory, "action")
        action.mkdir(mode=0o700)
        self._function = loader.load(value, action)

    def _birth(
        self, name: str, descriptors: list[int], parent: int, spare: bool = False
    ) -> worker.Birth:
        link, stdout, stderr = descriptors
        directory = os.path.join(self._directory, "workers", name)
        return worker.Birth(name, link, stdout, stderr, directory, parent, spare)

    def _fork(self, name: str, slot: int, descriptors: list[int], spare: bool) -> None:
        birth = self._birth(name, descriptors, os.getpid(), spare)
        try:
            hooks.run_before_fork()
            self._sharing.before_fork(slot)
            worker.flush_output()
            pid = os.fork()
        except Exception as error:  # noqa: BLE001  a user's hook may raise anything
            traceback.print_exc()
            self._sharing.after_end(slot)
            self._control.send({"event": "unforked", "worker": name, "error": str(error)[:1024]})
        else:
            if pid == 0:
                self._be_born(birth)
            pidfd = os.pidfd_open(pid)
            self._children[pidfd] = (name, pid, slot)
            self._poll.register(pidfd, select.POLLIN)
            self._control.send({"event": "forked", "worker": name, "pid": pid})
            self._tell_stale()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _be_born(self, birth: worker.Birth) -> NoReturn:
        try:
            started_ns = worker.now_ns()
            self._control.close()
            for pidfd in self._children:
                os.close(pidfd)
            assert self._function is not None
            fresh = self._sharing.fresh if birth.spare else None
            child = worker.Worker(birth, self._function, started_ns, fresh)
            child.detach()
            self._sharing.adopt()
            child.live()
        finally:
            os._exit(worker.EXIT_BROKEN)

    def _become(self, name: str, descriptors: list[int]) -> NoReturn:
        assert self._function is not None
        birth = self._birth(name, descriptors, os.getppid())
        worker.Worker(birth, self._function, worker.now_ns()).live()

    def _kill(self, name: str) -> None:
        for child, pid, _ in self._children.values():
            if child == name:
                os.kill(pid, signal.SIGKILL)

    def _reap(self, pidfd: int) -> None:
        name, pid, slot = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        # What the user's code started is in the worker's process group; it ends with the worker.
        # Until we reap the leader the group's number can't be anyone else's.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self._sharing.after_end(slot)
        self._control.send({"event": "exited", "worker": name, "status": status})
        self._tell_stale()

    def _tell_stale(self) -> None:
        """Have spares ended that hold what is of no use, or keep the device from being let go."""
        if self._sharing.stale():
            self._control.send({"event": "stale"})


def _freeze() -> None:
    """Keep the collector off what is there, so that its pages stay shared over fork."""
    gc.collect()
    gc.freeze()
    gc.disable()
    process.return_free_memory()


def _prepare_process() -> None:
    process.die_with_parent(os.getppid())
    faulthandler.enable()
    sys.stdout = sys.__stdout__ = _line_stream(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _line_stream(2)  # type: ignore[misc]
    for variable in _SINGLE_THREADED:
        os.environ.setdefault(variable, "1")


def _line_stream(descriptor: int) -> TextIOWrapper:
    """A line at a time: what a crashing action printed is seen, and each line has its own time."""
    return open(descriptor, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _why_not_forkable() -> str | None:
    count = process.thread_count()
    if count == 1:
        return None
    names = [thread.name for thread in threading.enumerate()[1:]]
    return f"template has {count} threads after init" + (f" ({', '.join(names)})" if names else "")
