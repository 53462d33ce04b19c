"""Times and requests of an activation (behaviours 20, 103, 123, 140), on stubs."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Any

import pytest

from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.stub import StubContainer, echo
from invoker_plugin.errors import SystemFault
from invoker_plugin.pool import PrewarmTarget
from invoker_plugin.pool.events import Tick
from invoker_plugin.pool.job import Policy
from tests.unit.invoker.world import World


def timed(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    start_ms, end_ms = (1000, 1030) if path == "/init" else (1050, 1100)
    return replace(echo(container, path, body), start_ms=start_ms, end_ms=end_ms)


def test_duration_is_init_and_run_together_and_a_warm_one_has_no_init() -> None:
    async def scenario() -> None:
        world = World(timed)
        world.actions.add("hello")
        cold = await world.invoke("hello")
        await world.settle()
        warm = await world.invoke("hello")
        await world.settle()
        record = world.record(cold)
        assert (record.start_ms, record.end_ms, record.duration_ms) == (1020, 1100, 80)
        assert record.annotation("initTime") == 30
        record = world.record(warm)
        assert (record.start_ms, record.end_ms, record.duration_ms) == (1050, 1100, 50)
        assert record.annotation("initTime") is None

    asyncio.run(scenario())


def test_wait_counts_from_the_start_of_the_transaction() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("hello")
        begun_ms = int(time.time() * 1000) - 5000
        activation_id = await world.invoke("hello", transid=["tid", begun_ms])
        await world.settle()
        wait_ms = world.record(activation_id).annotation("waitTime")
        assert isinstance(wait_ms, int)
        assert wait_ms >= 5000

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("annotations", "given"),
    [({}, True), ({"provide-api-key": True}, True), ({"provide-api-key": False}, False)],
)
def test_api_key_is_given_unless_the_action_wants_none(
    annotations: dict[str, Any], given: bool
) -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("hello", annotations=annotations)
        await world.invoke("hello")
        await world.settle()
        (_, init), (_, run) = world.factory.created[0].requests
        assert ("__OW_API_KEY" in init["value"]["env"]) is given
        assert ("api_key" in run) is given

    asyncio.run(scenario())


def test_each_health_action_makes_a_container_and_leaves_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        world = World(prewarm=(PrewarmTarget("python:3-rdma", 128, 1, 1),))
        world.driver.happen(Tick())
        await world.settle()
        world.actions.add("health")
        name = "invokerHealthTestAction0"
        document = world.actions.documents.pop("guest/health")
        world.actions.documents[f"whisk.system/{name}"] = document
        action = {"path": "whisk.system", "name": name, "version": "0.0.1"}
        ids = []
        for _ in range(2):
            ids.append(await world.invoke(name, blocking=False, action=action, revision=None))
            await world.settle()
        stem, *made = world.factory.created
        assert len(made) == 2
        assert world.factory.living == [stem], "not even a stem cell is taken for it"
        assert [world.acks_of(activation_id) for activation_id in ids] == [["completion"]] * 2
        world.factory.failures.append(SystemFault("Docker is sick"))
        await world.invoke(name, blocking=False, action=action, revision=None)
        await world.settle()

    asyncio.run(scenario())
    told = [vars(r)["swift_fields"] for r in caplog.records if r.getMessage() == "health-action"]
    assert [line["system_error"] for line in told] == [False, False, True]
    assert "Docker is sick" in told[2]["error"]


@pytest.mark.parametrize("start", [Policy.COLD, Policy.WARM, Policy.FORK])
def test_operator_may_force_one_way_to_start(start: Policy) -> None:
    async def scenario() -> list[str]:
        world = World()
        world.admission._settings = replace(world.admission._settings, start=start)
        world.actions.add("hello", annotations={"swift-start": "auto"})
        starts = []
        for _ in range(2):
            activation_id = await world.invoke("hello")
            await world.settle()
            annotations = dict(world.record(activation_id).annotations)
            starts.append(annotations["swift"]["start"])
        return starts

    wanted = {Policy.COLD: "cold", Policy.WARM: "warm", Policy.FORK: "fork"}[start]
    assert asyncio.run(scenario()) == ["cold", wanted]


def test_clock_that_was_set_back_gives_no_negative_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("hello")
        later_ms = int(time.time() * 1000) + 3_600_000
        activation_id = await world.invoke("hello", transid=["tid", later_ms])
        await world.settle()
        record = world.record(activation_id)
        assert record.annotation("waitTime") == 0
        assert record.duration_ms is not None
        assert record.duration_ms >= 0
        assert world.record(activation_id).annotation("timeout") is False

    # What the stub's clock says in the middle of it is an hour less than at the start.
    begun, real = time.time_ns(), time.time_ns
    steps = iter([0, 0, 0])
    monkeypatch.setattr(
        time, "time_ns", lambda: real() if next(steps, None) is not None else begun - 3_600 * 10**9
    )
    asyncio.run(scenario())
