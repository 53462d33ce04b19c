"""The adapter on Docker's SDK, against a Docker that is slow, refuses, or is not there."""

from __future__ import annotations

import asyncio
import http.server
import json
import socket
import socketserver
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.containers import engine as engine_module
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.engine_errors import DockerFault, DockerTimeout

ID = "f" * 64
VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}


class FakeDocker(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers by path; a path in ``held`` waits until the test lets it go."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        super().__init__(path, _Handler)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.held: set[str] = set()
        self.release = threading.Event()
        self.asked: list[str] = []
        self.removed = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what these tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: FakeDocker
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0].removeprefix("/v1.41")
        self.server.asked.append(f"{self.command} {path}")
        if path in self.server.held:
            self.server.release.wait(20)
        status, body = self.server.answers.get(path, (404, {"message": f"no such {path}"}))
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        if self.command == "DELETE":
            self.server.removed.set()

    do_GET = do_POST = do_DELETE = _answer

    def address_string(self) -> str:
        return "test"

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[FakeDocker]:
    with FakeDocker(str(tmp_path / "docker.sock")) as server:
        server.answers["/version"] = (200, VERSION)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.release.set()
        server.shutdown()


def run(flow: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(flow, 30))


def engine_of(docker: FakeDocker) -> Engine:
    return Engine(f"unix://{docker.server_address!s}")


def test_answers_come_back_and_count_as_signs_of_life(docker: FakeDocker) -> None:
    async def flow() -> None:
        engine = engine_of(docker)
        assert engine.silent_s == float("inf")
        assert (await engine.version())["Version"] == "20.10.24"
        assert engine.silent_s < 20
        docker.answers["/containers/create"] = (201, {"Id": ID})
        assert await engine.create("wsk0_1_a_b", {"Image": "x"}) == ID

    run(flow())


def test_refusal_keeps_its_status_and_text(docker: FakeDocker) -> None:
    async def flow() -> None:
        docker.answers["/containers/x/pause"] = (409, {"message": "Container x is\nnot running"})
        with pytest.raises(DockerFault) as caught:
            await engine_of(docker).pause("x")
        assert caught.value.status == 409
        assert str(caught.value) == "docker pause: Container x is not running"

    run(flow())


@pytest.mark.parametrize("status", [404, 409])
def test_removing_what_is_gone_is_fine(docker: FakeDocker, status: int) -> None:
    docker.answers["/containers/x"] = (status, {"message": "gone, or going"})
    run(engine_of(docker).remove("x"))


def test_silence_is_a_timeout_that_says_so(
    docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "SHORT_S", 1.0)
    docker.held.add("/containers/x/pause")

    async def flow() -> None:
        with pytest.raises(DockerTimeout, match="docker pause: timeout"):
            await engine_of(docker).pause("x")

    run(flow())


def test_one_hanging_call_blocks_no_other_and_not_the_loop(docker: FakeDocker) -> None:
    async def flow() -> None:
        docker.held.add("/containers/a/pause")
        docker.answers |= {
            "/containers/a/pause": (204, None),
            "/containers/b/pause": (204, None),
        }
        engine = engine_of(docker)
        slow = asyncio.create_task(engine.pause("a"))
        await engine.pause("b")
        assert not slow.done()
        docker.release.set()
        await slow

    run(flow())


@pytest.mark.parametrize("how", ["timeout", "cancel"])
def test_container_of_a_creation_given_up_is_removed(
    docker: FakeDocker, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.held.add("/containers/create")
    docker.answers["/containers/create"] = (201, {"Id": ID})
    docker.answers[f"/containers/{ID}"] = (204, None)

    async def flow() -> None:
        engine = engine_of(docker)
        await engine.version()
        creation = asyncio.create_task(engine.create("wsk0_1_a_b", {"Image": "x"}))
        while "POST /containers/create" not in docker.asked:
            await asyncio.sleep(0)
        if how == "cancel":
            creation.cancel()
        with pytest.raises((DockerTimeout, asyncio.CancelledError)):
            await creation
        docker.release.set()
        while not docker.removed.is_set():
            await asyncio.sleep(0)
        assert f"DELETE /containers/{ID}" in docker.asked

    if how == "timeout":
        # Shorter than what the client itself waits for, which then still gets the answer.
        original = engine_module.Engine._end

        async def impatient(self: Engine, name: str, limit_s: float, call: Any) -> Any:
            return await original(self, name, 0.2 if name == "create" else limit_s, call)

        monkeypatch.setattr(engine_module.Engine, "_end", impatient)
    run(flow())


def test_failed_pull_is_an_error_though_its_answer_began_well(docker: FakeDocker) -> None:
    async def flow() -> None:
        docker.answers["/images/create"] = (200, {"error": "manifest unknown"})
        with pytest.raises(DockerFault, match="manifest unknown"):
            await engine_of(docker).pull("guest/bb:1")

    run(flow())


def test_no_docker_is_told_in_the_systems_words(tmp_path: Path) -> None:
    async def flow(host: str) -> str:
        with pytest.raises(DockerFault) as caught:
            await Engine(host).version()
        return str(caught.value)

    assert asyncio.run(flow(f"unix://{tmp_path}/none")).endswith("No such file or directory")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert asyncio.run(flow(f"tcp://127.0.0.1:{port}")).endswith("Connection refused")


def test_only_names_with_the_exact_prefix_are_listed(docker: FakeDocker) -> None:
    async def flow() -> None:
        names = ["/wsk1_1_a_b", "/wsk10_1_a_b", "/x_wsk1_1"]
        docker.answers["/containers/json"] = (
            200,
            [{"Id": name, "Names": [name]} for name in names],
        )
        found = await engine_of(docker).containers("wsk1_")
        assert [one["Id"] for one in found] == ["/wsk1_1_a_b"]

    run(flow())
