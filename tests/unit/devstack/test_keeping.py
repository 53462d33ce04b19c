"""What the devstack keeps between runs: paths, ports, secrets, its lock."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.files import write_atomically
from devstack.lock import exclusive
from devstack.paths import REPOSITORY, Paths
from devstack.ports import Ports, is_free, is_open
from devstack.secrets import Secrets, Subject


def test_home_is_named_by_the_environment() -> None:
    assert Paths.find({"DEVSTACK_HOME": "/x/y"}).home == Path("/x/y")
    assert Paths.find({}).home == REPOSITORY / ".devstack"


def test_run_is_for_its_owner_alone(paths: Paths) -> None:
    assert paths.run.stat().st_mode & 0o777 == 0o700


def test_a_port_keeps_its_number(paths: Paths) -> None:
    port = Ports(paths).get("kafka")
    assert Ports(paths).get("kafka") == port
    assert Ports(paths).settle("kafka") == port
    assert Ports(paths).get("store") != port


def test_a_port_that_somebody_took_is_given_up(paths: Paths) -> None:
    port = Ports(paths).get("kafka")
    assert is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert is_open(port)
        other = Ports(paths).settle("kafka")
    assert other != port
    assert Ports(paths).get("kafka") == other


def test_secrets_are_kept_and_private(paths: Paths) -> None:
    password = Secrets(paths).password("store")
    subject = Secrets(paths).subject("guest")
    assert Secrets(paths).password("store") == password
    assert Secrets(paths).subject("guest") == subject
    assert Secrets(paths).password("other") != password
    assert len(subject.key) == 64
    assert subject.authorization == f"{subject.uuid}:{subject.key}"
    assert (paths.run / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_subject_of_an_existing_store_is_learnt(paths: Paths) -> None:
    Secrets(paths).subject("guest")
    Secrets(paths).keep_subject("guest", Subject("u", "k"))
    assert Secrets(paths).subject("guest").authorization == "u:k"


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "x"
    write_atomically(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(file, "\ud800")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_second_command_waits_for_the_first(paths: Paths) -> None:
    code = (
        "import sys; from pathlib import Path; from devstack.lock import exclusive;"
        "from devstack.paths import Paths\n"
        f"with exclusive(Paths(Path({str(paths.home)!r}))): print('mine', flush=True)"
    )
    with exclusive(paths):
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=REPOSITORY,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert child.stderr is not None
        assert "waiting for another devstack command (pid" in child.stderr.readline()
        assert child.poll() is None
    said, _ = child.communicate(timeout=30)
    assert said == "mine\n"
