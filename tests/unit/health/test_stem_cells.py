"""Stem cells that stopped to answer are replaced (behaviour 82)."""

from __future__ import annotations

import asyncio

from invoker_plugin.containers.stub import StubContainer
from invoker_plugin.health.stem_cells import StemCellProbe
from invoker_plugin.pool import PrewarmTarget
from invoker_plugin.pool import events as ev
from tests.unit.invoker.world import World


def probe_of(world: World) -> StemCellProbe:
    return StemCellProbe(world.driver.stem_cells, world.driver.stem_cell_lost, most_fails=3)


async def world_with_a_stem_cell() -> tuple[World, StubContainer]:
    world = World(prewarm=(PrewarmTarget("python:3-rdma", 128, 1, 1),))
    world.driver.happen(ev.Tick())
    await world.settle()
    (cell,) = world.factory.created
    return world, cell


def test_cell_that_fails_several_times_in_a_row_is_removed_and_replaced() -> None:
    async def scenario() -> None:
        world, cell = await world_with_a_stem_cell()
        probe = probe_of(world)
        await probe.probe()
        cell.fails.add("listens")
        await probe.probe()
        await probe.probe()
        cell.fails.clear()
        await probe.probe()  # A success forgets the failures.
        cell.fails.add("listens")
        await probe.probe()
        await probe.probe()
        assert not cell.removed
        await probe.probe()
        await world.settle()
        assert cell.removed
        assert len(world.factory.living) == 1

    asyncio.run(scenario())


def test_cell_that_never_answered_is_still_loading() -> None:
    async def scenario() -> None:
        world, cell = await world_with_a_stem_cell()
        probe = probe_of(world)
        cell.fails.add("listens")
        for _ in range(5):
            await probe.probe()
        await world.settle()
        assert not cell.removed

    asyncio.run(scenario())


def test_container_with_an_action_is_not_probed() -> None:
    async def scenario() -> None:
        world, cell = await world_with_a_stem_cell()
        world.actions.add("hello")
        await world.invoke("hello")
        await world.settle()
        (_, replacement) = world.factory.created
        assert [container for _, container in world.driver.stem_cells()] == [replacement]
        world.driver.stem_cell_lost(1, "probed before it was taken")
        await world.settle()
        assert not cell.removed

    asyncio.run(scenario())
