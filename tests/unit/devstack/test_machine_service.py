"""Services in the machine; here the machine is this host."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from devstack import proc, process
from devstack.errors import DevstackError
from devstack.machine_service import MachineService
from devstack.paths import Paths

READY = "import time; print('ready now', flush=True); time.sleep(600)"


class HereMachine:
    """Runs everything right here."""

    kind = "host"

    def run(
        self, argv: Sequence[str], check: bool = True, timeout_s: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, check=check, capture_output=True, text=True)

    def push(self, local: Path, remote: str) -> None:
        raise AssertionError("on the host nothing needs pushing")


Make = Callable[..., MachineService]


@pytest.fixture
def make(paths: Paths) -> Iterator[Make]:
    def _make(code: str = READY, **settings: object) -> MachineService:
        argv = [sys.executable, "-c", code]
        return MachineService(HereMachine(), paths, "service", argv, **settings)  # type: ignore[arg-type]

    yield _make
    process.end_stray(paths)


def test_starts_once_and_stops_once(make: Make) -> None:
    service = make()
    assert service.pid() is None
    assert service.start() is True
    service.await_line("ready now", 30)
    pid = service.pid()
    assert pid is not None
    assert service.start() is False
    assert service.pid() == pid
    assert service.stop() is True
    assert service.pid() is None
    assert proc.start_ticks(pid) is None
    assert service.stop() is False


def test_another_configuration_replaces_it(make: Make) -> None:
    make().start()
    before = make().pid()
    assert make(configuration="new").start() is True
    assert make().pid() not in (None, before)


def test_its_environment_is_what_was_said_quoted_or_not(make: Make) -> None:
    value = 'it\'s "quoted" $HOME\nand more'
    code = "import os, time; print(ascii(os.environ['VALUE']), flush=True); time.sleep(600)"
    service = make(code, environment={"VALUE": value})
    service.start()
    service.await_line(ascii(value), 30)


def test_one_that_ends_says_its_last_words(make: Make) -> None:
    service = make("raise SystemExit('no device rxe0')")
    service.start()
    with pytest.raises(DevstackError, match="service ended while starting: no device rxe0"):
        service.await_line("never", 30)


def test_what_ignores_sigterm_is_killed_with_its_children(make: Make, paths: Paths) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print('ready now', flush=True); time.sleep(600)"
    )
    service = make(code, stop_s=1)
    service.start()
    service.await_line("ready now", 30)
    assert service.stop() is True
    left = proc.with_environment(process.MARK, str(paths.home))
    assert [pid for pid in left if proc.start_ticks(pid) is not None] == []


def test_a_process_that_got_the_same_pid_is_left_alone(make: Make, paths: Paths) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        (paths.run / "service.pid").write_text(f"{stranger.pid} 1 whatever\n")
        service = make()
        assert service.pid() is None
        assert service.stop() is False
        assert service.start() is True
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
