"""The real runtime image by the runtime protocol: forks, their logs, their deaths."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

import pytest

from devstack.errors import DevstackError
from devstack.lock import exclusive
from devstack.stack import Stack
from invoker_plugin.containers.container import Container
from invoker_plugin.containers.factory import ContainerFactory
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.containers.specification import ContainerSpecification

pytestmark = pytest.mark.docker
IMAGE = "swift-runtime:debian"
AMPLE_MS = 60_000
MIB = 1024 * 1024
ACTION = """
import os, time
def main(args):
    print("activation", args["n"])
    if args.get("exit"):
        os._exit(3)
    if args.get("sleep"):
        time.sleep(args["sleep"])
    return {"n": args["n"], "pid": os.getpid()}
"""


@pytest.fixture(scope="module")
def runtime_image(devstack: Stack, docker_host: str) -> str:
    """The image, built if it is not."""
    try:
        with exclusive(devstack.paths):
            devstack.up(["image"])
    except DevstackError as error:
        pytest.fail(f"the runtime image cannot be had: {error}", pytrace=False)
    return IMAGE


def activation_id(number: int) -> str:
    return f"{number:032x}"


async def template(factory: ContainerFactory, prefix: str) -> Container:
    """A container with a template of the action."""
    container = await factory.create(
        ContainerSpecification(f"{prefix}1_guest_a", IMAGE, "python:3-rdma", 1024, rdma=False)
    )
    assert container.protocol == 1
    value = {"name": "a", "main": "main", "binary": False, "code": ACTION, "env": {}}
    swift = {"protocol": 1, "slots": 8, "worker_memory_mb": 128, "log_limit_bytes": MIB}
    outcome = await container.init({"value": value, "swift": swift}, AMPLE_MS)
    assert outcome.status == 200, outcome
    return container


async def run(
    container: Container, number: int, worker: str, start: str = "fork", **arguments: Any
) -> HttpOutcome:
    swift = {"worker": worker, "start": start, "timeout_ms": AMPLE_MS, "log_limit_bytes": MIB}
    body = {"value": {"n": number, **arguments}, "activation_id": activation_id(number)}
    return await container.run({**body, "swift": swift}, AMPLE_MS)


async def texts(container: Container, number: int, outcome: HttpOutcome | None) -> list[str]:
    logs = await container.collect_logs(activation_id(number), MIB, True, outcome)
    assert logs.complete
    return [line[31:] for line in logs.lines]


def play(settings: ContainerSettings, flow: Any) -> None:
    async def scene() -> None:
        # The image has its own Python: no mounts.
        factory = ContainerFactory(dataclasses.replace(settings, options={}))
        await factory.start()
        try:
            await flow(await template(factory, settings.name_prefix))
        finally:
            await factory.clean_up()
            await factory.close()

    asyncio.run(asyncio.wait_for(scene(), 120))


def test_forks_at_once_have_their_own_logs(settings: ContainerSettings, runtime_image: str) -> None:
    async def flow(container: Container) -> None:
        numbers = range(1, 9)
        outcomes = await asyncio.gather(*(run(container, n, f"w{n}") for n in numbers))
        assert [outcome.status for outcome in outcomes] == [200] * 8
        for number, outcome in zip(numbers, outcomes, strict=True):
            assert outcome.swift["worker"] == f"w{number}"
            assert await texts(container, number, outcome) == [f"stdout: activation {number}"]
        full = await run(container, 9, "w9")
        assert full.status == 409
        warm = await run(container, 10, "w3", "warm")
        assert warm.status == 200
        assert warm.swift["fork_ms"] is None

    play(settings, flow)


def test_worker_that_dies_takes_nothing_along(
    settings: ContainerSettings, runtime_image: str
) -> None:
    async def flow(container: Container) -> None:
        await run(container, 1, "w1")
        dead = await run(container, 2, "w2", exit=True)
        assert dead.status == 502
        assert dead.swift["exit"]["code"] == 3
        assert await texts(container, 2, dead) == ["stdout: activation 2"]
        assert not await container.out_of_memory()
        assert (await run(container, 3, "w1", "warm")).status == 200
        assert (await run(container, 4, "w4")).status == 200

    play(settings, flow)


def test_worker_that_takes_too_long_is_killed_alone(
    settings: ContainerSettings, runtime_image: str
) -> None:
    async def flow(container: Container) -> None:
        await run(container, 1, "w1")
        swift = {"worker": "w2", "start": "fork", "timeout_ms": 300, "log_limit_bytes": MIB}
        body = {"value": {"n": 2, "sleep": 600}, "activation_id": activation_id(2), "swift": swift}
        late = await container.run(body, 1000)
        assert late.failure == "timeout"
        ending = await container.kill_worker("w2")
        assert ending is not None
        assert ending["reason"] == "killed"
        assert await texts(container, 2, late) == ["stdout: activation 2"]
        workers = (await container.swift_state())["workers"]
        assert [worker["worker"] for worker in workers] == ["w1"]

    play(settings, flow)


def test_workers_live_on_over_a_pause(settings: ContainerSettings, runtime_image: str) -> None:
    async def flow(container: Container) -> None:
        first = await run(container, 1, "w1")
        await container.suspend()
        await container.resume()
        again = await run(container, 2, "w1", "warm")
        assert (first.status, again.status) == (200, 200)
        assert json.loads(first.body)["pid"] == json.loads(again.body)["pid"]

    play(settings, flow)


def test_swift_image_used_the_stock_way(settings: ContainerSettings, runtime_image: str) -> None:
    async def scene() -> None:
        factory = ContainerFactory(dataclasses.replace(settings, options={}, socket_root=None))
        await factory.start()
        try:
            container = await factory.create(
                ContainerSpecification(
                    f"{settings.name_prefix}1_guest_a", IMAGE, "python:3-rdma", 256, rdma=False
                )
            )
            value = {"name": "a", "main": "main", "binary": False, "code": ACTION, "env": {}}
            assert (await container.init({"value": value}, AMPLE_MS)).status == 200
            for number in (1, 2):
                outcome = await container.run({"value": {"n": number}}, AMPLE_MS)
                assert outcome.status == 200
                assert outcome.swift == {}
                found = await texts(container, number, outcome)
                assert found == [f"stdout: activation {number}"]
        finally:
            await factory.clean_up()
            await factory.close()

    asyncio.run(asyncio.wait_for(scene(), 120))
