"""One container: pause, removal, workers, memory, and where its logs are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.containers import rdma_devices
from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.container import Container, Traits
from invoker_plugin.containers.deaths import DeathWatch
from invoker_plugin.containers.engine_errors import DockerFault
from invoker_plugin.containers.http_client import ContainerClient
from invoker_plugin.containers.log_sources import WeightedLine
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.rdma_devices import RdmaDevice
from invoker_plugin.errors import SystemFault
from tests.unit.containers.engines import FakeEngine
from tests.unit.containers.servers import answer, read_request, serving

ID = "a" * 64
TIME = "2026-11-22T15:45:25.594167422Z"


class EmptyLog:
    """A container's own log, in which nothing is."""

    def __init__(self) -> None:
        self.reads = 0

    async def read(self) -> list[WeightedLine]:
        self.reads += 1
        return []

    def put_back(self, lines: list[WeightedLine]) -> None:
        assert not lines

    async def skip_to_end(self) -> None:
        return


class Scene:
    """A container with everything around it, and a runtime that answers by ``routes``."""

    def __init__(self, protocol: int = 1) -> None:
        self.protocol = protocol
        self.engine = FakeEngine()
        self.deaths = DeathWatch(self.engine, "wsk0")  # type: ignore[arg-type]
        self.log = EmptyLog()
        self.routes: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.container: Container

    async def _handler(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line = (await read_request(reader))[0].rpartition(" ")[0]
            self.asked.append(line)
            data = self.routes.get(line, answer(b"{}", "404 Not Found"))
            if not data:
                return
            writer.write(data)
            await writer.drain()

    def play(self, tmp_path: Path, flow: Callable[[Container], Awaitable[None]]) -> None:
        async def scene() -> None:
            async with serving(self._handler, tmp_path / "s.sock") as address:
                traits = Traits(ID, "wsk0_1_g_a", "i", self.protocol, address, None, 1.0, 1.0)
                client = ContainerClient(address, 1 << 20, 1 << 20)
                self.container = Container(
                    traits,
                    self.engine,  # type: ignore[arg-type]
                    self.deaths,
                    client,
                    self.log,
                    None,
                )
                await flow(self.container)
                client.close()

        asyncio.run(asyncio.wait_for(scene(), 20))


def test_paused_container_is_resumed_before_it_is_removed(tmp_path: Path) -> None:
    scene = Scene()

    async def flow(container: Container) -> None:
        await container.suspend()
        await container.remove()
        assert [name for name, _ in scene.engine.calls] == ["pause", "unpause", "remove"]

    scene.play(tmp_path, flow)


def test_container_that_cannot_be_resumed_is_removed_all_the_same(tmp_path: Path) -> None:
    scene = Scene()
    scene.engine.fails["unpause"] = DockerFault("docker unpause: is not paused", 500)

    async def flow(container: Container) -> None:
        await container.suspend()
        with pytest.raises(SystemFault):
            await container.resume()
        await container.remove()
        assert scene.engine.called("remove") == [ID]

    scene.play(tmp_path, flow)


def test_worker_is_killed_by_name(tmp_path: Path) -> None:
    scene = Scene()
    ending = {"reason": "killed", "code": None, "signal": 9}
    scene.routes["DELETE /workers/w7"] = answer(
        json.dumps({"worker": "w7", "exit": ending}).encode()
    )
    scene.routes["DELETE /workers/w8"] = answer(b"nonsense")

    async def flow(container: Container) -> None:
        assert await container.kill_worker("w7") == ending
        assert await container.kill_worker("w9") is None
        with pytest.raises(SystemFault, match="w8"):
            await container.kill_worker("w8")
        with pytest.raises(ValueError, match="no worker's name"):
            await container.kill_worker("../x")

    scene.play(tmp_path, flow)


def test_kill_for_memory_is_known_from_the_event(tmp_path: Path) -> None:
    scene = Scene()

    async def flow(container: Container) -> None:
        scene.deaths.hear({"id": ID, "Action": "oom"})
        assert await container.out_of_memory()
        assert not scene.engine.called("inspect")

    scene.play(tmp_path, flow)


def test_kill_for_memory_is_known_from_the_state(tmp_path: Path) -> None:
    scene = Scene()
    scene.engine.state = {"Running": False, "OOMKilled": True}

    async def flow(container: Container) -> None:
        assert await container.out_of_memory()

    scene.play(tmp_path, flow)


def test_event_that_comes_a_moment_later_is_waited_for(tmp_path: Path) -> None:
    scene = Scene()

    async def flow(container: Container) -> None:
        question = asyncio.create_task(container.out_of_memory())
        while not scene.engine.called("inspect"):
            await asyncio.sleep(0)
        scene.deaths.hear({"id": ID, "Action": "oom"})
        assert await question

    scene.play(tmp_path, flow)


@pytest.mark.parametrize("running", [True, False])
def test_other_ends_are_not_blamed_on_memory(tmp_path: Path, running: bool) -> None:
    scene = Scene()
    scene.engine.state = {"Running": running, "OOMKilled": False}

    async def flow(container: Container) -> None:
        assert not await container.out_of_memory()

    scene.play(tmp_path, flow)


def test_memory_question_survives_docker_not_answering(tmp_path: Path) -> None:
    scene = Scene()
    scene.engine.fails["inspect"] = DockerFault("docker inspect: timeout")

    async def flow(container: Container) -> None:
        assert not await container.out_of_memory()

    scene.play(tmp_path, flow)


LOGS = f"GET /activations/{'1' * 32}/logs"
LINE = answer(json.dumps({"time": TIME, "stream": "stdout", "line": "x"}).encode() + b"\n")


def collected(scene: Scene, tmp_path: Path, outcome: HttpOutcome | None) -> LogCollection:
    found: list[LogCollection] = []

    async def flow(container: Container) -> None:
        await container.init({}, 5000)
        found.append(await container.collect_logs("1" * 32, 1 << 20, False, outcome))

    scene.play(tmp_path, flow)
    return found[0]


def answered(**swift: Any) -> HttpOutcome:
    return HttpOutcome(0, 1, 200, b"{}", 2, swift=swift)


UNANSWERED = HttpOutcome(0, 1, failure="timeout")
WITH_HEADER = answer(headers='X-Swift: {"log_lines": 0}\r\n')


def test_logs_of_a_swift_run_come_from_the_runtime(tmp_path: Path) -> None:
    scene = Scene()
    scene.routes = {"POST /init": WITH_HEADER, LOGS: LINE}
    logs = collected(scene, tmp_path, answered(worker="w1", log_lines=1))
    assert logs.lines == (f"{TIME} stdout: x",)
    assert scene.log.reads == 0


def test_logs_of_a_swift_run_that_timed_out_come_from_the_runtime(tmp_path: Path) -> None:
    scene = Scene()
    scene.routes = {"POST /init": WITH_HEADER, LOGS: LINE}
    assert collected(scene, tmp_path, UNANSWERED).lines == (f"{TIME} stdout: x",)


def test_logs_of_a_swift_image_used_the_stock_way_are_its_own_output(tmp_path: Path) -> None:
    scene = Scene()
    scene.routes = {"POST /init": answer(), LOGS: LINE}
    assert collected(scene, tmp_path, answered()) == LogCollection()
    assert scene.log.reads > 0
    assert LOGS not in scene.asked


def test_logs_of_an_init_without_an_answer_are_looked_for_in_both_places(tmp_path: Path) -> None:
    scene = Scene()
    scene.routes = {"POST /init": b"", LOGS: answer(b"{}", "404 Not Found")}
    collected(scene, tmp_path, UNANSWERED)
    assert LOGS in scene.asked
    assert scene.log.reads > 0


def test_logs_of_a_plain_image_are_its_own_output(tmp_path: Path) -> None:
    scene = Scene(protocol=0)
    scene.routes = {"POST /init": answer()}
    collected(scene, tmp_path, answered())
    assert scene.log.reads > 0


def test_it_knows_when_its_device_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = RdmaDevice("rxe0", "/dev/infiniband/uverbs0", 7)
    present: list[RdmaDevice | None] = [device]
    monkeypatch.setattr(rdma_devices, "find", lambda name: present[0])
    scene = Scene()

    async def flow(container: Container) -> None:
        assert not container.lost_device(), "it has none"
        container.traits = replace(container.traits, device=device)
        assert not container.lost_device()
        present[0] = replace(device, inode=8)
        assert container.lost_device()
        present[0] = None
        assert container.lost_device()

    scene.play(tmp_path, flow)
