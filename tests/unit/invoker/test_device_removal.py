"""An RDMA device goes while containers have it: they go too, and nothing that runs is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.stub import StubContainer, echo
from invoker_plugin.pool import PrewarmTarget
from invoker_plugin.pool import events as ev
from tests.polling import until
from tests.unit.invoker.world import World


def rdma_world(answer: Any = echo, **pool: Any) -> World:
    world = World(answer, **pool)
    world.actions.add("hello")
    return world


@pytest.mark.parametrize("paused", [False, True])
def test_an_idle_container_goes_at_once(paused: bool) -> None:
    async def scenario() -> None:
        world = rdma_world(pause_grace_ms=0)
        await world.invoke("hello")
        await world.settle()
        if paused:
            world.driver.happen(ev.Tick())
            await world.settle()
        (container,) = world.factory.created
        assert container.suspended == paused
        container.device_is_lost = True
        world.driver.devices_changed()
        await world.settle()
        assert container.removed
        second = await world.invoke("hello")
        await world.settle()
        assert world.record(second).response.is_success
        swift = dict(world.record(second).annotations)["swift"]
        assert swift["start"] == "cold"
        assert "its RDMA device was removed" in swift["reason"]

    asyncio.run(scenario())


def test_what_runs_ends_first_and_nothing_more_is_begun_in_it() -> None:
    gate = asyncio.Event()

    async def held(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
        if path == "/run" and body["value"]["n"] == 1:
            await gate.wait()
        return echo(container, path, body)

    async def scenario() -> None:
        world = rdma_world(held)
        first = await world.invoke("hello")
        await until(lambda: world.factory.created and len(world.factory.created[0].requests) == 2)
        container = world.factory.created[0]
        container.device_is_lost = True
        world.driver.devices_changed()
        second = await world.invoke("hello")
        await until(lambda: world.records)
        assert world.record(second).response.is_success
        assert not container.removed
        gate.set()
        await world.settle()
        assert world.record(first).response.is_success
        assert container.removed
        assert [one.removed for one in world.factory.created] == [True, False]

    asyncio.run(scenario())


def test_a_stem_cell_is_made_again() -> None:
    async def scenario() -> None:
        target = PrewarmTarget("python:3-rdma", 128, 1, 1)
        world = rdma_world(prewarm=(target,))
        world.driver.happen(ev.Tick())
        await world.settle()
        world.factory.created[0].device_is_lost = True
        world.driver.devices_changed()
        await world.settle()
        assert [one.removed for one in world.factory.created] == [True, False]

    asyncio.run(scenario())


def test_a_container_that_was_being_made_serves_who_waited_and_goes() -> None:
    """The kernel's word comes before there is a container to look at."""

    def losing(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
        container.device_is_lost = True
        return echo(container, path, body)

    async def scenario() -> None:
        world = rdma_world(losing)
        activation = await world.invoke("hello")
        await world.settle()
        assert world.record(activation).response.is_success
        assert [one.removed for one in world.factory.created] == [True]

    asyncio.run(scenario())


def test_another_devices_change_is_nobodys_business() -> None:
    async def scenario() -> None:
        world = rdma_world()
        for _ in range(2):
            await world.invoke("hello")
            await world.settle()
            world.driver.devices_changed()
        await world.settle()
        assert [one.removed for one in world.factory.created] == [False]

    asyncio.run(scenario())
