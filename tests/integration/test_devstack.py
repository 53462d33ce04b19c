"""The devstack on a home of its own: interrupted, gone on with, left without trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import proc
from devstack.paths import REPOSITORY, Paths
from devstack.process import MARK
from devstack.stack import Stack

pytestmark = [pytest.mark.kafka, pytest.mark.store]
ONLY = ("--only", "kafka,store")


class Home:
    """A devstack home; what it needs built is shared with this checkout's."""

    def __init__(self, directory: Path) -> None:
        self.paths = Paths(directory)
        self.environment = {**os.environ, "DEVSTACK_HOME": str(directory)}

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "devstack", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A shell that starts the tests in the background has SIGINT ignored, and all below it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        with self.begin(*arguments) as process:
            said, _ = process.communicate(timeout=180)
        return process.returncode, said

    def processes(self) -> list[int]:
        marked = proc.with_environment(MARK, str(self.paths.home))
        return [pid for pid in marked if proc.start_ticks(pid) is not None]


@pytest.fixture
def home(
    devstack: Stack, tmp_path: Path, kafka_hosts: str, store_settings: object
) -> Iterator[Home]:
    directory = tmp_path / "home"
    (directory / "cache").mkdir(parents=True)
    for built in devstack.paths.cache.iterdir():
        # Not the machine's builds: this home would take another's unfinished one for its own.
        if built.name.startswith(("kafka-", "npm-")):
            (directory / "cache" / built.name).symlink_to(built)
    made = Home(directory)
    yield made
    made.run("down")


def test_goes_on_after_an_interruption_and_leaves_nothing(home: Home) -> None:
    interrupted = home.begin("up", *ONLY)
    with interrupted as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "kafka: broker" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
    assert interrupted.returncode == 130, rest
    assert "run the same command again to go on" in rest

    status, said = home.run("up", *ONLY)
    assert status == 0, said
    assert "ok  kafka: jars" in said
    assert home.run("status", *ONLY)[0] == 0

    status, said = home.run("down")
    assert status == 0, said
    assert home.processes() == []
    assert str(home.paths.home) not in Path("/proc/self/mounts").read_text()
    assert home.run("status", *ONLY)[0] == 1


def test_a_second_up_keeps_everything(home: Home) -> None:
    assert home.run("up", *ONLY)[0] == 0
    before = home.processes()
    status, said = home.run("up", *ONLY)
    assert status == 0
    assert "started" not in said
    assert home.processes() == before


def test_a_service_that_died_is_started_again(home: Home) -> None:
    assert home.run("up", *ONLY)[0] == 0
    store = Stack(home.paths).store
    assert store.pid is not None
    os.kill(store.pid, signal.SIGKILL)
    status, said = home.run("up", *ONLY)
    assert status == 0, said
    assert Stack(home.paths).store.pid is not None


def test_an_unreachable_existing_couchdb_is_one_line(home: Home) -> None:
    home.environment["DEVSTACK_COUCHDB_URL"] = "http://admin:secret@127.0.0.1:9"
    status, said = home.run("up", "--only", "store")
    assert status == 1
    last = said.strip().splitlines()[-1]
    assert last.startswith("devstack: no CouchDB answers at http://127.0.0.1:9")
    assert "secret" not in said


def test_an_existing_couchdb_is_used_and_left_alone(home: Home, devstack: Stack) -> None:
    address = devstack.store.address
    url = f"http://{address.user}:{address.password}@{address.host}:{address.port}"
    home.environment["DEVSTACK_COUCHDB_URL"] = url
    for kind in ("SUBJECTS", "WHISKS", "ACTIVATIONS"):
        home.environment[f"DEVSTACK_DATABASES_{kind}"] = f"other-{kind.lower()}"
    status, said = home.run("up", "--only", "store")
    assert status == 0, said
    assert f"existing: {address.url}" in said
    assert devstack.store.couch.get("other-subjects", "guest") is not None
    assert home.run("down")[0] == 0
    assert devstack.store.pid is not None


def test_logs_and_env_tell_of_what_is_up(home: Home) -> None:
    assert home.run("up", *ONLY)[0] == 0
    status, said = home.run("logs", "kafka")
    assert status == 0
    assert "Kafka Server started" in said
    status, said = home.run("env")
    assert status == 0
    assert f"export KAFKA_HOSTS={Stack(home.paths).kafka.hosts}" in said


def test_clean_removes_the_home(home: Home) -> None:
    assert home.run("up", "--only", "store")[0] == 0
    status, said = home.run("clean")
    assert status == 0, said
    assert not home.paths.home.exists()


def test_an_unknown_part_is_one_line(home: Home) -> None:
    status, said = home.run("up", "--only", "redis")
    assert status == 1
    assert "no part is called 'redis'" in said
    assert "Traceback" not in said
