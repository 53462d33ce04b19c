"""Our own Docker Engine: beside any other, and gone without rests, however it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import proc
from devstack.machine.bridge import choose_bridge
from devstack.machine.engine import Engine
from devstack.machine.engine_api import EngineApi
from devstack.machine.engine_by_sudo import EngineBySudo
from devstack.machine.own_engine import OwnEngine
from devstack.paths import Paths

pytestmark = pytest.mark.docker


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def engine(paths: Paths) -> Iterator[Engine]:
    made: Engine = OwnEngine(paths) if os.geteuid() == 0 else EngineBySudo(paths)
    yield made
    made.down()


def test_it_starts_once_and_leaves_nothing(engine: Engine, paths: Paths) -> None:
    assert "started" in engine.up()
    assert "kept" in engine.up()
    assert EngineApi(engine.docker_host_url).answers()
    bridge = choose_bridge(paths)
    assert Path("/sys/class/net", bridge.name).exists()

    assert engine.down()
    assert engine.status() == "down"
    assert not engine.down()
    _assert_nothing_left(paths, bridge.name)


def test_containers_of_a_killed_engine_are_ended(paths: Paths) -> None:
    if os.geteuid() != 0:
        pytest.skip("killing a dockerd that sudo started needs root")
    engine = OwnEngine(paths)
    engine.up()
    bridge = choose_bridge(paths)
    try:
        container = _sleeping_container(engine.docker_host_url)
        (killed,) = _dockerd(paths)
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while engine.status() != "down":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert "started" in engine.up()
        assert container not in _running(engine.docker_host_url)
    finally:
        engine.down()
    _assert_nothing_left(paths, bridge.name)


def _assert_nothing_left(paths: Paths, bridge: str) -> None:
    assert proc.with_environment("SWIFT_DEVSTACK", str(paths.home)) == []
    assert str(paths.home) not in Path("/proc/self/mounts").read_text()
    assert not Path("/sys/class/net", bridge).exists()
    assert list((paths.home / "run").iterdir()) == []
    cgroup = f"swift-{bridge.removeprefix('swift')}"
    assert list(Path("/sys/fs/cgroup").glob(f"{cgroup}*")) == []
    assert list(Path("/sys/fs/cgroup").glob(f"*/{cgroup}")) == []


def _dockerd(paths: Paths) -> list[int]:
    wanted = str(paths.run / "engine.json").encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and wanted in _command_line(entry).split(b"\0"):
            found.append(int(entry.name))
    return found


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _sleeping_container(docker_host: str) -> str:
    """A container with this host's programs, in one that does not end by itself."""
    environment = {**os.environ, "DOCKER_HOST": docker_host}
    make = (
        'set -e; d=$(mktemp -d); mkdir "$d/usr"; '
        'for name in bin lib lib64; do ln -s usr/$name "$d/$name"; done; '
        'tar -C "$d" -c . | docker import - swift-test/sleep:1 >/dev/null; rm -r "$d"; '
        "docker run -d --volume /usr:/usr:ro swift-test/sleep:1 sleep 1000"
    )
    done = subprocess.run(
        ["sh", "-c", make], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _running(docker_host: str) -> str:
    environment = {**os.environ, "DOCKER_HOST": docker_host}
    argv = ["docker", "ps", "-q", "--no-trunc"]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout
