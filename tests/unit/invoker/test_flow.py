"""Whole activations through admission, pool, containers and answers, on stubs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.stub import StubContainer, answered, echo
from invoker_plugin.errors import DeveloperFault, SystemFault
from invoker_plugin.pool import events as ev
from invoker_plugin.wire import texts
from tests.unit.invoker.world import World


def run(scenario: Any) -> None:
    asyncio.run(scenario)


def starts(world: World) -> list[str]:
    return [record.annotation("swift")["start"] for record in world.records]  # type: ignore[index,call-overload]


def test_cold_then_warm_with_result_before_completion() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("hello")
        first = await world.invoke("hello")
        await world.settle()
        second = await world.invoke("hello")
        await world.settle()
        assert starts(world) == ["cold", "warm"]
        assert world.acks_of(first) == ["result", "completion"]
        assert world.record(first).annotation("initTime") is not None
        assert world.record(second).annotation("initTime") is None
        assert world.record(second).response.result == {"n": 2}
        assert world.fed == 2
        (container,) = world.factory.created
        assert [path for path, _ in container.requests] == ["/init", "/run", "/run"]

    run(scenario())


def with_a_log(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    """Answers as ever, and says that a line was logged."""
    outcome = echo(container, path, body)
    return replace(outcome, swift={**outcome.swift, "log_lines": 1}) if outcome.swift else outcome


def test_whose_runtime_says_that_nothing_was_logged_has_its_record_kept_once_and_first() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("hello")
        order: list[str] = []
        store, send = world.store, world.send

        async def noted_store(record: Any) -> None:
            order.append("record")
            await store(record)

        async def noted_send(topic: str, value: bytes) -> None:
            order.append("result" if b'"instance"' not in value else "completion")
            await send(topic, value)

        world.store, world.send = noted_store, noted_send  # type: ignore[method-assign]
        activation_id = await world.invoke("hello")
        await world.settle()
        assert [one for one in order if one != "event"][:3] == ["record", "result", "completion"]
        assert world.expected == []
        assert world.record(activation_id).logs == ()

    run(scenario())


def test_answered_before_its_logs_its_record_is_kept_first() -> None:
    async def scenario() -> None:
        world = World(with_a_log)
        world.actions.add("hello")
        order: list[str] = []
        expect, send = world.expect, world.send

        async def noted_expect(record: Any) -> None:
            order.append("kept")
            await expect(record)

        async def noted_send(topic: str, value: bytes) -> None:
            order.append("sent")
            await send(topic, value)

        world.expect, world.send = noted_expect, noted_send  # type: ignore[method-assign]
        blocking = await world.invoke("hello")
        await world.settle()
        assert order[0] == "kept"
        (kept,) = world.expected
        assert kept.activation_id == blocking
        assert kept.response == world.record(blocking).response
        assert texts.LOG_FAILURE in kept.logs[0]
        await world.invoke("hello", blocking=False)
        await world.settle()
        assert world.expected == [kept]

    run(scenario())


def test_burst_is_one_container_and_forks() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("hello")
        for _ in range(8):
            await world.invoke("hello")
        await world.settle()
        assert sorted(starts(world)) == ["cold"] + ["fork"] * 7
        assert len(world.factory.created) == 1
        workers = [body["swift"]["worker"] for path, body in world.factory.created[0].requests[1:]]
        assert len(set(workers)) == 8

    run(scenario())


def test_plain_image_is_told_nothing_of_forks() -> None:
    async def scenario() -> None:
        world = World(protocol=0)
        world.actions.add("hello", kind="python:3")
        await world.invoke("hello")
        await world.invoke("hello")
        await world.settle()
        assert starts(world) == ["cold", "cold"]
        for container in world.factory.created:
            assert all("swift" not in body for _, body in container.requests)

    run(scenario())


def test_log_limit_zero_gets_one_combined_ack() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("quiet", limits={"logs": 0})
        blocking = await world.invoke("quiet")
        other = await world.invoke("quiet", blocking=False)
        await world.settle()
        assert world.acks_of(blocking) == ["combined"]
        assert world.acks_of(other) == ["completion"]

    run(scenario())


def test_deleted_action_is_refused_with_a_record_and_the_stock_text() -> None:
    async def scenario() -> None:
        world = World()
        gone = await world.invoke("gone")
        record = world.record(gone)
        assert record.response.status_code == 1
        assert record.response.result == {"error": texts.ACTION_REMOVED}
        assert world.acks_of(gone) == ["combined"]

    run(scenario())


def test_blocked_namespace_is_answered_but_leaves_no_record() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("hello")
        world.blocked.add("guest")
        refused = await world.invoke("hello")
        assert world.records == []
        assert world.acks_of(refused) == ["combined"]

    run(scenario())


def test_container_that_can_not_be_made_answers_all_that_waited() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("hello")
        world.factory.failures.append(SystemFault("Docker is away"))
        ids = [await world.invoke("hello") for _ in range(3)]
        await world.settle()
        for activation_id in ids:
            assert world.record(activation_id).response.status_code == 3
            assert world.acks_of(activation_id) == ["combined"]
        completions = [ack for ack in world.acks if "isSystemError" in ack]
        assert all(ack["isSystemError"] for ack in completions)
        assert world.fed == 3

    run(scenario())


def test_users_bad_image_is_the_developers_fault() -> None:
    async def scenario() -> None:
        world = World()
        world.actions.add("mine", kind="blackbox", image="nosuch:v9")
        world.factory.failures.append(DeveloperFault(texts.image_pull_failed("nosuch:v9")))
        activation_id = await world.invoke("mine")
        await world.settle()
        assert world.record(activation_id).response.status_code == 2

    run(scenario())


def failing_init(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    if path == "/init":
        return answered(502, {"error": "SyntaxError"})
    return echo(container, path, body)


def test_failed_init_answers_all_and_removes_the_container() -> None:
    async def scenario() -> None:
        world = World(failing_init)
        world.actions.add("broken")
        first, second = [await world.invoke("broken") for _ in range(2)]
        await world.settle()
        assert world.record(first).response.result == {"error": "SyntaxError"}
        assert world.record(second).response.result == {"error": "SyntaxError"}
        assert world.acks_of(first) == ["result", "completion"]
        assert world.factory.created[0].removed
        assert len(world.pool.containers) == 0

    run(scenario())


def dying(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    if path == "/run" and body["value"] == {"n": 1}:
        ending = {"reason": "signal", "code": None, "signal": 11}
        return answered(502, {"error": "x"}, {"worker": body["swift"]["worker"], "exit": ending})
    return echo(container, path, body)


def test_dead_worker_is_a_developer_error_and_the_template_lives() -> None:
    async def scenario() -> None:
        world = World(dying)
        world.actions.add("crash")
        first = await world.invoke("crash")
        await world.settle()
        second = await world.invoke("crash")
        await world.settle()
        assert world.record(first).response.result == {"error": texts.ABNORMAL_RUN}
        assert starts(world) == ["cold", "fork"]
        assert world.record(second).response.is_success
        assert len(world.factory.created) == 1

    run(scenario())


def endless(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    if path == "/run":
        return HttpOutcome(0, 700, failure="timeout", reason="no answer in 700 ms")
    return echo(container, path, body)


def test_time_out_is_told_and_only_the_worker_killed() -> None:
    async def scenario() -> None:
        world = World(endless)
        world.actions.add("loop", limits={"timeout": 700})
        activation_id = await world.invoke("loop")
        await world.settle()
        record = world.record(activation_id)
        assert record.response.result == {"error": texts.time_limit_exceeded(700)}
        assert record.annotation("timeout") is True
        assert world.factory.created[0].killed_workers == ["w1"]
        assert not world.factory.created[0].removed

    run(scenario())


def test_worker_that_cannot_be_killed_costs_its_container_and_no_second_answer() -> None:
    """As where the whole container died: its proxy takes no request any more."""

    async def scenario() -> None:
        world = World(endless)
        world.actions.add("loop", limits={"timeout": 700})
        await world.invoke("loop")
        await world.settle()
        (container,) = world.factory.created
        container.fails.add("kill_worker")
        activation_id = await world.invoke("loop")
        await world.settle()
        assert world.record(activation_id).response.status_code == 2
        assert world.acks_of(activation_id) == ["result", "completion"]
        assert container.removed

    run(scenario())


def refusing_once(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    if path == "/run" and body["value"] == {"n": 2} and container.specification.name.count("_1_"):
        return HttpOutcome(0, 0, failure="refused", reason="connection refused")
    return echo(container, path, body)


def test_reused_container_that_refuses_is_replaced_and_the_job_runs_once() -> None:
    async def scenario() -> None:
        world = World(refusing_once, protocol=0)
        world.actions.add("hello", kind="python:3")
        await world.invoke("hello")
        await world.settle()
        second = await world.invoke("hello")
        await world.settle()
        assert world.record(second).response.is_success
        assert starts(world) == ["cold", "cold"]
        assert world.factory.created[0].removed
        assert world.driver.in_flight == 0

    run(scenario())


def test_paused_container_that_does_not_wake_is_replaced() -> None:
    async def scenario() -> None:
        world = World(pause_grace_ms=0)
        world.actions.add("hello")
        await world.invoke("hello")
        await world.settle()
        world.driver.happen(ev.Tick())
        await world.settle()
        (first,) = world.factory.created
        assert first.suspended
        first.fails.add("resume")
        second = await world.invoke("hello")
        await world.settle()
        assert world.record(second).response.is_success
        assert first.removed

    run(scenario())


def broken_driver(container: StubContainer, path: str, body: dict[str, Any]) -> HttpOutcome:
    if path == "/run":
        raise RuntimeError("a bug of ours")
    return echo(container, path, body)


def test_an_error_of_ours_still_answers_and_frees_the_place() -> None:
    async def scenario() -> None:
        world = World(broken_driver)
        world.actions.add("hello")
        activation_id = await world.invoke("hello")
        await world.settle()
        assert world.record(activation_id).response.is_whisk_error
        assert world.acks_of(activation_id) == ["combined"]
        assert world.fed == 1
        assert world.driver.in_flight == 0

    run(scenario())
