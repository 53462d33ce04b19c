"""A service of the devstack as a background process: started, watched until ready, stopped.

A process is known by its pid *and* its start time, so that a pid that the system gave to somebody
else is never signalled. Every process started here also carries ``SWIFT_DEVSTACK=<home>`` in its
environment: what an interrupted command could not write down is found again by it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devstack import proc
from devstack.errors import DevstackError, NotReady
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
    how long it may take to end after SIGTERM before it is killed. ``configuration`` is what it
    reads from elsewhere: when that, the command line or the environment is another than that of
    the process that runs, :meth:`start` replaces the process.
    """

    paths: Paths
    name: str
    argv: Sequence[str]
    ready: Callable[[], bool] = lambda: True
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    ready_s: float = 60.0
    stop_s: float = 15.0
    configuration: str = ""

    @property
    def log(self) -> Path:
        return self.paths.logs / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.paths.run / f"{self.name}.pid"

    def pid(self) -> int | None:
        """The pid, when the process that was started is still the one that has it."""
        known = self._known()
        return known["pid"] if known else None

    def start(self) -> bool:
        """Start it and wait until it is ready. False when it already ran and was ready."""
        known = self._known()
        if known and known.get("made_from") == self._made_from():
            self._await_ready()
            return False
        self.stop()
        self._spawn()
        self._await_ready()
        return True

    def stop(self) -> bool:
        """End it: SIGTERM, after ``stop_s`` SIGKILL, and see that it is gone."""
        return self._end_with(lambda pid: end(pid, self.stop_s))

    def kill(self) -> bool:
        """End it as a crash would."""
        return self._end_with(kill)

    def _end_with(self, ending: Callable[[int], None]) -> bool:
        pid = self.pid()
        if pid is not None:
            ending(pid)
            _reap()
        self.pid_file.unlink(missing_ok=True)
        return pid is not None

    def _known(self) -> dict[str, Any] | None:
        """What the pid file says of the process, when that process is there."""
        _reap()
        if not self.pid_file.exists():
            return None
        known: dict[str, Any] = json.loads(self.pid_file.read_text())
        start = proc.start_ticks(known["pid"])
        same = start is not None and start == known["start"] and known["boot"] == proc.boot_id()
        return known if same else None

    def _made_from(self) -> str:
        parts = [list(self.argv), dict(self.environment), str(self.directory), self.configuration]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

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
            "made_from": self._made_from(),
        }
        write_atomically(self.pid_file, json.dumps(known))

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self.ready_s
        while not self._is_ready():
            if self.pid() is None:
                raise DevstackError(f"{self.name} ended while starting: {self._last_line()}")
            if time.monotonic() > deadline:
                raise NotReady(
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
    if started is None:
        return
    if not _end_by(signal.SIGTERM, pid, started, patience_s):
        kill(pid)


def kill(pid: int) -> None:
    """End ``pid`` and its process group as a crash would; raise when it would not go."""
    started = proc.start_ticks(pid)
    if started is not None and not _end_by(signal.SIGKILL, pid, started, wait_s=10.0):
        raise DevstackError(f"process {pid} does not end, not even by SIGKILL")


def _end_by(number: signal.Signals, pid: int, started: int, wait_s: float) -> bool:
    """Whether the process that started at ``started`` is gone ``wait_s`` after the signal."""
    _signal(pid, number)
    deadline = time.monotonic() + wait_s
    while proc.start_ticks(pid) == started:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


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
