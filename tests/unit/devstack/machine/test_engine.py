from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from devstack.errors import DevstackError
from devstack.machine import engine
from devstack.machine.engine import ExistingEngine, open_engine
from devstack.machine.engine_api import EngineApi
from devstack.machine.engine_by_sudo import EngineBySudo
from devstack.machine.own_engine import OwnEngine
from devstack.paths import Paths


class _Docker(BaseHTTPRequestHandler):
    killed: list[str]

    def do_GET(self) -> None:
        answers = {
            "/_ping": b"OK",
            "/images/a/b%3A1/json": b'{"Id": "sha256:1"}',
            "/images/a/b%3A1/get": b"archive",
            "/containers/json": json.dumps([{"Id": "one"}, {"Id": "gone"}]).encode(),
        }
        body = answers.get(self.path.replace(":", "%3A"))
        self._answer(200 if body else 404, body or b'{"message": "No such image"}')

    def do_POST(self) -> None:
        identity = self.path.split("/")[2]
        self.killed.append(identity)
        self._answer(409 if identity == "gone" else 204, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Server(socketserver.ThreadingUnixStreamServer):
    def get_request(self) -> tuple[object, object]:  # type: ignore[override]
        return self.socket.accept()[0], ("", 0)


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[str]:
    _Docker.killed = []
    path = tmp_path / "docker.sock"
    with _Server(str(path), _Docker) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"unix://{path}"
        server.shutdown()
        thread.join()


def test_an_engine_that_answers_is_used_and_never_stopped(
    paths: Paths, docker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "_SYSTEM_ENGINE", docker)
    found = open_engine(paths)
    assert found == ExistingEngine(docker)
    assert found.down() is False


def test_docker_host_comes_first(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere")
    assert open_engine(paths) == ExistingEngine("unix:///elsewhere")


def test_else_it_is_our_own_below_the_home(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "_SYSTEM_ENGINE", f"unix://{tmp_path}/none")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    found: object = open_engine(paths)
    assert isinstance(found, EngineBySudo)
    assert found.status() == "down"
    assert found.down() is False
    monkeypatch.setattr("os.geteuid", lambda: 0)
    found = open_engine(paths)
    assert isinstance(found, OwnEngine)
    assert found.data.is_relative_to(paths.home)
    assert found.status() == "down"
    assert found.down() is False


def test_an_image_is_saved_whole_or_not_at_all(docker: str, tmp_path: Path) -> None:
    api = EngineApi(docker)
    archive = tmp_path / "archive.tar"
    api.save_image("a/b:1", "sha256:1", archive)
    assert archive.read_bytes() == b"archive"
    with pytest.raises(DevstackError, match="changed meanwhile"):
        api.save_image("a/b:1", "sha256:2", archive)
    with pytest.raises(DevstackError, match="No such image"):
        api.image_id("other")


def test_containers_that_ended_meanwhile_do_not_hinder(docker: str) -> None:
    EngineApi(docker).kill_containers()
    assert _Docker.killed == ["one", "gone"]


def test_nobody_at_the_socket(tmp_path: Path) -> None:
    api = EngineApi(f"unix://{tmp_path}/none")
    assert not api.answers()
    with pytest.raises(DevstackError, match="does not answer"):
        api.image_id("a")


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(DevstackError, match="must start with unix:// or tcp://"):
        EngineApi("ssh://somewhere")
