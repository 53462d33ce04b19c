"""A container's life through the flow (behaviours 61 to 81), on stubs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.stub import StubContainer, answered, echo
from invoker_plugin.invoker import removal
from invoker_plugin.pool import events as ev
from tests.unit.invoker.world import World

PLAIN = "python:3"


def plain_world(answer: Any = echo, concurrency: int = 1, **pool: Any) -> World:
    world = World(answer, protocol=0, **pool)
    world.actions.add("hello", kind=PLAIN, limits={"concurrency": concurrency})
    return world


def paths(container: StubContainer) -> list[str]:
    return [path for path, _ in container.requests]


def test_second_activation_skips_init() -> None:
    async def scenario() -> None:
        world = plain_world()
        for _ in range(2):
            await world.invoke("hello")
            await world.settle()
        (container,) = world.factory.created
        assert paths(container) == ["/init", "/run", "/run"]
        assert not container.suspended

    asyncio.run(scenario())


def test_idle_container_is_paused_and_resumed_for_the_next() -> None:
    async def scenario() -> None:
        world = plain_world(pause_grace_ms=0)
        await world.invoke("hello")
        await world.settle()
        world.driver.happen(ev.Tick())
        await world.settle()
        (container,) = world.factory.created
        assert container.suspended
        second = await world.invoke("hello")
        await world.settle()
        assert not container.suspended
        assert world.record(second).response.is_success
        assert paths(container) == ["/init", "/run", "/run"]

    asyncio.run(scenario())


def test_idle_container_is_removed_in_the_end() -> None:
    async def scenario() -> None:
        world = plain_world(idle_timeout_ms=0)
        await world.invoke("hello")
        await world.settle()
        world.driver.happen(ev.Tick())
        await world.settle()
        assert world.factory.created[0].removed
        assert len(world.pool.containers) == 0

    asyncio.run(scenario())


def test_container_that_can_not_be_paused_is_removed() -> None:
    async def scenario() -> None:
        world = plain_world(pause_grace_ms=0)
        await world.invoke("hello")
        await world.settle()
        (container,) = world.factory.created
        container.fails.add("suspend")
        world.driver.happen(ev.Tick())
        await world.settle()
        assert container.removed
        await world.invoke("hello")
        await world.settle()
        assert len(world.factory.created) == 2

    asyncio.run(scenario())


def test_container_that_docker_does_not_remove_is_tried_again_and_then_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(removal, "PAUSE_S", 0.0)

    async def scenario() -> None:
        world = plain_world(idle_timeout_ms=0)
        await world.invoke("hello")
        await world.settle()
        (container,) = world.factory.created
        container.fails.add("remove")
        world.driver.happen(ev.Tick())
        await world.settle()
        assert not container.removed
        assert len(world.pool.containers) == 0
        second = await world.invoke("hello")
        await world.settle()
        assert world.record(second).response.is_success

    asyncio.run(scenario())


def refusing(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    if path == "/run":
        return HttpOutcome(0, 0, failure="refused", reason="connection refused")
    return echo(container, path, body)


def test_new_container_that_refuses_is_an_error_and_not_tried_again() -> None:
    async def scenario() -> None:
        world = plain_world(refusing)
        activation_id = await world.invoke("hello")
        await world.settle()
        assert world.record(activation_id).response.status_code == 2
        assert len(world.factory.created) == 1
        assert world.factory.created[0].removed

    asyncio.run(scenario())


def test_container_that_shuts_down_gives_the_job_back() -> None:
    def answer(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
        if path == "/run" and container.name.startswith("wsk0_1_"):
            return answered(503, {"error": "shutting down"})
        return echo(container, path, body)

    async def scenario() -> None:
        world = plain_world(answer)
        activation_id = await world.invoke("hello")
        await world.settle()
        assert world.record(activation_id).response.is_success
        assert world.acks_of(activation_id) == ["result", "completion"]
        assert [c.removed for c in world.factory.created] == [True, False]
        assert world.fed == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "body", "kept"),
    [(200, {"a": 1}, True), (200, {"error": "mine"}, True), (502, {"error": "x"}, False)],
)
def test_only_success_and_application_errors_keep_the_container(
    status: int, body: dict[str, Any], kept: bool
) -> None:
    def answer(container: StubContainer, path: str, sent: dict[str, Any]) -> HttpOutcome:
        return answered(200, {}) if path == "/init" else answered(status, body)

    async def scenario() -> None:
        world = plain_world(answer)
        await world.invoke("hello")
        await world.settle()
        assert world.factory.created[0].removed is not kept

    asyncio.run(scenario())


def test_logs_that_can_not_be_collected_cost_the_container_but_no_answer() -> None:
    def answer(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
        if path == "/run":
            container.logs[body["activation_id"]] = LogCollection(("cut",), complete=False)
        return echo(container, path, body)

    async def scenario() -> None:
        world = plain_world(answer)
        activation_id = await world.invoke("hello")
        await world.settle()
        assert world.acks_of(activation_id) == ["result", "completion"]
        assert world.record(activation_id).response.is_success
        assert world.record(activation_id).logs == ("cut",)
        assert world.factory.created[0].removed

    asyncio.run(scenario())


class Gated:
    """Holds each ``/run`` until opened, then answers with what the test put into ``answers``."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.running = 0
        self.answers: dict[int, HttpOutcome] = {}

    async def __call__(
        self, container: StubContainer, path: str, body: dict[str, Any]
    ) -> HttpOutcome:
        if path == "/run":
            self.running += 1
            await self.gate.wait()
            return self.answers.get(body["value"]["n"], echo(container, path, body))
        return echo(container, path, body)

    async def until(self, running: int) -> None:
        for _ in range(10_000):
            if self.running >= running:
                return
            await asyncio.sleep(0)
        raise AssertionError(f"{self.running} of {running} run")


def test_removal_waits_for_what_runs_and_new_jobs_go_elsewhere() -> None:
    async def scenario() -> None:
        gated = Gated()
        world = plain_world(gated, concurrency=2)
        first = await world.invoke("hello")
        await gated.until(1)
        (container,) = world.factory.created
        world.driver.happen(ev.ContainerLost(1, "to be removed"))
        second = await world.invoke("hello")
        await gated.until(2)
        assert not container.removed
        assert len(world.factory.created) == 2
        gated.gate.set()
        await world.settle()
        assert container.removed
        assert world.record(first).response.is_success
        assert world.record(second).response.is_success

    asyncio.run(scenario())


def test_all_that_wait_for_a_plain_container_get_its_failure() -> None:
    def answer(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
        return answered(502, {"error": "SyntaxError"})

    async def scenario() -> None:
        world = plain_world(answer, concurrency=3)
        ids = [await world.invoke("hello") for _ in range(3)]
        await world.settle()
        assert len(world.factory.created) == 1
        for activation_id in ids:
            assert world.record(activation_id).response.result == {"error": "SyntaxError"}
            assert world.acks_of(activation_id)[-1] in ("completion", "combined")
        assert world.fed == 3

    asyncio.run(scenario())


def test_failure_of_one_lets_the_others_in_the_container_finish() -> None:
    async def scenario() -> None:
        gated = Gated()
        world = plain_world(gated, concurrency=3)
        gated.answers[1] = answered(502, {"error": "crash"})
        ids = [await world.invoke("hello") for _ in range(3)]
        await gated.until(3)
        gated.gate.set()
        await world.settle()
        codes = [world.record(activation_id).response.status_code for activation_id in ids]
        assert codes == [2, 0, 0]
        (container,) = world.factory.created
        assert container.removed
        await world.invoke("hello")
        await world.settle()
        assert len(world.factory.created) == 2

    asyncio.run(scenario())
