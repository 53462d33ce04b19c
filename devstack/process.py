"""A service of the devstack as a background process: started, watched until ready, stopped.

A process is known by its pid *and* its start time, so that a pid that the system gave to somebody
else is never signalled. Every process started here also carries ``SWIFT_DEVSTACK=<home>`` in its
environment: what an interrupted command could not write down is found again by it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devstack import proc
from devstack.errors import DevstackError
from devstack.files import write_atomically
from devstack.paths import Paths

MARK = "SWIFT_DEVSTACK"
_POLL_S = 0.05
# Services that this very process started: it must reap them, or they would stay as zombies.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass
class Daemon:
    """One background process called ``name``, with its pid file and its log.

    ``ready`` says whether it serves yet (it may raise OSError while it does not); ``stop_s`` is
    how long it may take to end after SIGTERM before it is killed.
    """

    paths: Paths
    name: str
    argv: Sequence[str]
    ready: Callable[[], bool] = lambda: True
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    ready_s: float = 60.0
    stop_s: float = 15.0

    @property
    def log(self) -> Path:
        return self.paths.logs / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.paths.run / f"{self.name}.pid"

    def pid(self) -> int | None:
        """The pid, when the process that was started is still the one that has it."""
        _reap()
        if not self.pid_file.exists():
            return None
        known = json.loads(self.pid_file.read_text())
        pid: int = known["pid"]
        same = known["boot"] == proc.boot_id() and known["start"] == proc.start_ticks(pid)
        return pid if same else None

    def running_argv(self) -> list[str] | None:
        """The command line it was started with, when it runs."""
        if self.pid() is None:
            return None
        argv: list[str] = json.loads(self.pid_file.read_text())["argv"]
        return argv

    def start(self) -> bool:
        """Start it and wait until it is ready. False when it already ran and was ready."""
        if self.pid() is not None and self.running_argv() == list(self.argv):
            self._await_ready()
            return False
        self.stop()
        self._spawn()
        self._await_ready()
        return True

    def stop(self) -> bool:
        """End it: SIGTERM, after ``stop_s`` SIGKILL, and see that it is gone."""
        pid = self.pid()
        if pid is None:
            self.pid_file.unlink(missing_ok=True)
            return False
        end(pid, self.stop_s)
        _reap()
        self.pid_file.unlink(missing_ok=True)
        return True

    def _spawn(self) -> None:
        self.paths.create()
        environment = {**os.environ, **self.environment, MARK: str(self.paths.home)}
        with self.log.open("ab") as log:
            try:
                # A session of its own: Ctrl-C at the terminal is for us, not for the services.
                child = subprocess.Popen(
                    list(self.argv),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.directory,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise DevstackError(f"{self.name}: cannot start {self.argv[0]}: {error}") from error
        _children[child.pid] = child
        known = {
            "pid": child.pid,
            "start": proc.start_ticks(child.pid),
            "boot": proc.boot_id(),
            "argv": list(self.argv),
        }
        write_atomically(self.pid_file, json.dumps(known))

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self.ready_s
        while not self._is_ready():
            if self.pid() is None:
                raise DevstackError(f"{self.name} ended while starting: {self._last_line()}")
            if time.monotonic() > deadline:
                raise DevstackError(
                    f"{self.name} was not ready within {self.ready_s:.0f} s; see {self.log}"
                )
            time.sleep(_POLL_S)

    def _is_ready(self) -> bool:
        try:
            return self.pid() is not None and self.ready()
        except OSError:
            return False

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        return f"{lines[-1]} (see {self.log})"


def end(pid: int, patience_s: float) -> None:
    """Ask ``pid`` and its process group to end, then make them; raise when it would not go."""
    started = proc.start_ticks(pid)
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 10.0)):
        if started is None or proc.start_ticks(pid) != started:
            return
        _signal(pid, number)
        deadline = time.monotonic() + wait_s
        while proc.start_ticks(pid) == started and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    if proc.start_ticks(pid) == started:
        raise DevstackError(f"process {pid} does not end, not even by SIGKILL")


def end_stray(paths: Paths) -> list[int]:
    """End what carries this home's mark and is still there; returns the pids."""
    stray = proc.with_environment(MARK, str(paths.home))
    for pid in stray:
        end(pid, patience_s=5.0)
    return stray


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return  # it went by itself


def _reap() -> None:
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            del _children[pid]
