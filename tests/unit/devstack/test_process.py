"""Daemons, with real small processes."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack import proc, process
from devstack.errors import DevstackError
from devstack.paths import Paths
from devstack.ports import Ports
from devstack.process import MARK, Daemon

Make = Callable[..., Daemon]


@pytest.fixture
def make(paths: Paths) -> Iterator[Make]:
    made: list[Daemon] = []

    def _make(*argv: str, **settings: object) -> Daemon:
        made.append(Daemon(paths, f"daemon{len(made)}", argv, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield _make
    for daemon in made:
        daemon.kill()
    process.end_stray(paths)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


SLEEP = python("import time; time.sleep(600)")


def test_serves_once_started(make: Make, paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("hello")
    url = f"http://127.0.0.1:{(port := Ports(paths).get('web'))}/page"

    def ready() -> bool:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)

    server = make(
        sys.executable,
        "-m",
        "http.server",
        str(port),
        "--bind",
        "127.0.0.1",
        ready=ready,
        directory=tmp_path,
    )
    assert server.start() is True
    assert ready()
    assert "GET /page" in server.log.read_text()


def test_a_running_one_is_kept(make: Make) -> None:
    daemon = make(*SLEEP)
    daemon.start()
    pid = daemon.pid()
    assert daemon.start() is False
    assert daemon.pid() == pid


def test_another_command_knows_it_by_its_pid_file(make: Make, paths: Paths) -> None:
    daemon = make(*SLEEP)
    daemon.start()
    assert Daemon(paths, daemon.name, []).pid() == daemon.pid()


@pytest.mark.parametrize(
    "change", [{"environment": {"A": "b"}}, {"configuration": "new"}, {"argv": (*SLEEP, "x")}]
)
def test_another_configuration_replaces_it(
    make: Make, paths: Paths, change: dict[str, object]
) -> None:
    daemon = make(*SLEEP)
    daemon.start()
    before = daemon.pid()
    settings: dict[str, object] = {"argv": SLEEP, **change}
    other = Daemon(paths, daemon.name, **settings)  # type: ignore[arg-type]
    assert other.start() is True
    assert other.pid() not in (None, before)
    assert proc.start_ticks(before or 0) is None


def test_stop_ends_it_and_its_children(make: Make, paths: Paths) -> None:
    code = f"import subprocess; subprocess.run({list(SLEEP)!r})"
    daemon = make(*python(code), ready=lambda: len(_marked(paths)) == 2)
    daemon.start()
    assert daemon.stop() is True
    assert daemon.pid() is None
    assert _marked(paths) == []
    assert daemon.stop() is False


def test_what_ignores_sigterm_is_killed(make: Make, tmp_path: Path) -> None:
    armed = tmp_path / "armed"
    code = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(armed)!r}).touch(); time.sleep(600)"
    )
    daemon = make(*python(code), ready=armed.exists, stop_s=0.2)
    daemon.start()
    assert daemon.stop() is True
    assert daemon.pid() is None


def test_a_foreign_process_with_the_same_pid_is_left_alone(make: Make) -> None:
    daemon = make(*SLEEP)
    stranger = subprocess.Popen(SLEEP)
    try:
        known = {
            "pid": stranger.pid,
            "boot": proc.boot_id(),
            "made_from": "",
            "start": (proc.start_ticks(stranger.pid) or 0) - 1,
        }
        daemon.pid_file.write_text(json.dumps(known))
        assert daemon.pid() is None
        assert daemon.stop() is False
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_pid_of_an_earlier_boot_is_not_believed(make: Make) -> None:
    daemon = make(*SLEEP)
    daemon.start()
    pid = daemon.pid()
    known = json.loads(daemon.pid_file.read_text())
    daemon.pid_file.write_text(json.dumps({**known, "boot": "another"}))
    assert daemon.pid() is None
    daemon.pid_file.write_text(json.dumps(known))
    assert daemon.pid() == pid


def test_one_that_ends_while_starting_says_its_last_words(make: Make) -> None:
    daemon = make(*python("raise SystemExit('no such file: x')"), ready=lambda: False)
    with pytest.raises(DevstackError, match="ended while starting: no such file: x"):
        daemon.start()
    assert daemon.pid() is None


def test_one_that_is_never_ready_names_its_log(make: Make) -> None:
    daemon = make(*SLEEP, ready=lambda: False, ready_s=0.2)
    with pytest.raises(DevstackError, match=r"not ready within 0 s; see .*daemon0\.log"):
        daemon.start()


def test_a_program_that_is_not_there_is_named(make: Make) -> None:
    with pytest.raises(DevstackError, match="cannot start /no/such/program"):
        make("/no/such/program").start()


def test_what_lost_its_pid_file_is_found_by_its_mark(make: Make, paths: Paths) -> None:
    daemon = make(*SLEEP)
    daemon.start()
    pid = daemon.pid()
    daemon.pid_file.unlink()
    assert process.end_stray(paths) == [pid]
    assert _marked(paths) == []


def test_the_pid_file_is_for_its_owner_alone(make: Make) -> None:
    daemon = make(*SLEEP)
    daemon.start()
    assert daemon.pid_file.stat().st_mode & 0o777 == 0o600


def _marked(paths: Paths) -> list[int]:
    return [
        pid
        for pid in proc.with_environment(MARK, str(paths.home))
        if proc.start_ticks(pid) is not None
    ]
