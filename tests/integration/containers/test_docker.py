"""Containers on a real Docker Engine."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from invoker_plugin.containers import labels, log_sources
from invoker_plugin.containers.container import Container
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.factory import ContainerFactory
from invoker_plugin.containers.http_connection import UnixAddress
from invoker_plugin.containers.log_collector import LogCollector
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.containers.specification import ContainerSpecification
from invoker_plugin.errors import DeveloperFault, SystemFault
from tests.integration.containers.conftest import PLAIN, SWIFT

pytestmark = pytest.mark.docker
AMPLE_MS = 30_000
MIB = 1024 * 1024
ECHO = "def main(args):\n    return args\n"


@asynccontextmanager
async def invoker(settings: ContainerSettings) -> AsyncIterator[ContainerFactory]:
    factory = ContainerFactory(settings)
    await factory.start()
    try:
        yield factory
    finally:
        await factory.clean_up()
        await factory.close()


def play(settings: ContainerSettings, flow: Callable[[ContainerFactory], Awaitable[None]]) -> None:
    async def scene() -> None:
        async with invoker(settings) as factory:
            await flow(factory)

    asyncio.run(asyncio.wait_for(scene(), 120))


def wanted(settings: ContainerSettings, number: int = 1, **changes: Any) -> ContainerSpecification:
    given = {"image": PLAIN, "kind": "python:3", "memory_mb": 128, **changes}
    return ContainerSpecification(f"{settings.name_prefix}{number}_guest_hello", **given)


def initial(code: str) -> dict[str, Any]:
    return {"value": {"name": "hello", "main": "main", "binary": False, "code": code, "env": {}}}


async def ready(
    factory: ContainerFactory, settings: ContainerSettings, code: str = ECHO, **changes: Any
) -> Container:
    container = await factory.create(wanted(settings, **changes))
    outcome = await container.init(initial(code), AMPLE_MS)
    assert outcome.status == 200, outcome
    return container


def test_plain_image_cold_to_removed(settings: ContainerSettings) -> None:
    async def flow(factory: ContainerFactory) -> None:
        container = await ready(
            factory, settings, "def main(a):\n    print('hi ü')\n    return a\n"
        )
        assert container.protocol == 0
        outcome = await container.run({"value": {"x": [1, None, "ü"]}}, AMPLE_MS)
        assert (outcome.status, json.loads(outcome.body)) == (200, {"x": [1, None, "ü"]})
        logs = await container.collect_logs("1" * 32, MIB, True, outcome)
        assert logs.complete
        assert [line[31:] for line in logs.lines] == ["stdout: hi ü"]
        assert await factory.healthy()
        await container.remove()

    play(settings, flow)


def test_swift_image_over_its_socket(settings: ContainerSettings) -> None:
    async def flow(factory: ContainerFactory) -> None:
        container = await ready(factory, settings, image=SWIFT)
        assert container.protocol == 1
        assert isinstance(container.traits.address, UnixAddress)
        outcome = await container.run({"value": {"y": 2}, "swift": {"worker": "w1"}}, AMPLE_MS)
        assert (outcome.status, json.loads(outcome.body)) == (200, {"y": 2})
        assert outcome.swift["worker"] == "w1"
        directory = container.traits.socket_directory
        assert directory is not None
        assert os.path.isdir(directory)
        await container.remove()
        assert not os.path.exists(directory)

    play(settings, flow)


def test_swift_image_on_the_hosts_network_needs_no_port(settings: ContainerSettings) -> None:
    async def flow(factory: ContainerFactory) -> None:
        both = [await ready(factory, settings, image=SWIFT, number=number) for number in (1, 2)]
        for container in both:
            assert (await container.run({"value": {}}, AMPLE_MS)).status == 200

    play(dataclasses.replace(settings, network="host"), flow)


def test_docker_was_told_what_was_meant(settings: ContainerSettings, docker_host: str) -> None:
    async def flow(factory: ContainerFactory) -> None:
        identity = labels.identity("action", "guest", "guest/hello", "1-a")
        container = await factory.create(wanted(settings, labels=identity, image=SWIFT))
        engine = Engine(docker_host)
        facts = await engine.inspect(container.id)
        host = facts["HostConfig"]
        assert host["Memory"] == host["MemorySwap"] == 128 * MIB
        assert host["CpuShares"] == 64
        assert host["CapDrop"] == ["NET_RAW", "NET_ADMIN"]
        assert host["PidsLimit"] == 1024
        assert host["Privileged"] is False
        assert host["LogConfig"]["Type"] == "json-file"
        assert facts["Config"]["Labels"][labels.ACTION] == "guest/hello"
        assert facts["Name"] == f"/{container.name}"
        engine.close()

    play(settings, flow)


def test_suspended_container_answers_after_resume(settings: ContainerSettings) -> None:
    async def flow(factory: ContainerFactory) -> None:
        container = await ready(factory, settings, image=SWIFT)
        assert (await container.run({"value": {}}, AMPLE_MS)).status == 200
        await container.suspend()
        assert (await container.run({"value": {}}, 100)).failure == "timeout"
        await container.resume()
        assert (await container.run({"value": {}}, AMPLE_MS)).status == 200
        with pytest.raises(SystemFault, match="not paused"):
            await container.resume()
        await container.suspend()
        await container.remove()

    play(settings, flow)


def test_memory_hog_is_known_at_once(settings: ContainerSettings) -> None:
    hog = "def main(args):\n    return {'x': len(b'x' * 500_000_000)}\n"

    async def flow(factory: ContainerFactory) -> None:
        container = await ready(factory, settings, hog)
        outcome = await container.run({"value": {}}, AMPLE_MS)
        assert outcome.failure == "reset"
        assert await container.out_of_memory()

    play(settings, flow)


def test_exit_is_a_reset_and_not_for_memory(settings: ContainerSettings) -> None:
    exits = "import os\ndef main(args):\n    print('dying', flush=True)\n    os._exit(3)\n"

    async def flow(factory: ContainerFactory) -> None:
        exited = asyncio.Event()
        factory.on_exit(lambda container: exited.set())
        container = await ready(factory, settings, exits)
        outcome = await container.run({"value": {}}, AMPLE_MS)
        assert outcome.failure == "reset"
        assert not await container.out_of_memory()
        logs = await container.collect_logs("1" * 32, MIB, False, outcome, developer_error=True)
        assert [line[31:] for line in logs.lines] == [
            "stdout: dying",
            "stderr: The action did not initialize or run as expected. Log data might be missing.",
        ]
        await asyncio.wait_for(exited.wait(), 10)
        assert container.exited

    play(settings, flow)


def test_container_that_dies_before_it_listens_ends_init_at_once(
    settings: ContainerSettings,
) -> None:
    async def flow(factory: ContainerFactory) -> None:
        container = await factory.create(
            wanted(settings, environment={"SWIFT_SOCKET": "/no/dir/s"})
        )
        outcome = await container.init(initial(ECHO), 100_000)
        assert outcome.failure == "reset"

    play(settings, flow)


def test_burst_of_creations(settings: ContainerSettings) -> None:
    async def flow(factory: ContainerFactory) -> None:
        made = await asyncio.gather(
            *(factory.create(wanted(settings, number)) for number in range(1, 7))
        )
        outcomes = await asyncio.gather(*(one.init(initial(ECHO), AMPLE_MS) for one in made))
        assert [outcome.status for outcome in outcomes] == [200] * 6
        assert await factory.clean_up() == 6

    play(settings, flow)


def test_missing_images_are_whose_they_are(settings: ContainerSettings) -> None:
    async def flow(factory: ContainerFactory) -> None:
        users = wanted(settings, image="127.0.0.1:1/no/such:v1", managed=False)
        with pytest.raises(DeveloperFault, match="Failed to pull container image"):
            await factory.create(users)
        with pytest.raises(SystemFault, match="never pulled"):
            await factory.create(wanted(settings, image="swift-test/none:1"))

    play(settings, flow)


def test_program_that_is_not_in_the_image_is_a_developer_error(
    settings: ContainerSettings, docker_host: str
) -> None:
    async def flow(factory: ContainerFactory) -> None:
        with pytest.raises(DeveloperFault):
            await factory.create(wanted(settings, image="swift-test/nothing:1"))

    async def left() -> list[Any]:
        engine = Engine(docker_host)
        found = await engine.containers(settings.name_prefix)
        engine.close()
        return found

    play(settings, flow)
    assert asyncio.run(left()) == []


def test_missing_device_is_the_systems_fault(settings: ContainerSettings) -> None:
    async def flow(factory: ContainerFactory) -> None:
        with pytest.raises(SystemFault, match="RDMA device x0 is not on this host"):
            await factory.create(wanted(settings, image=SWIFT))

    changed = dataclasses.replace(
        settings, rdma_device="x0", rdma_character_device="/dev/no-such-uverbs"
    )
    play(changed, flow)


def test_start_removes_what_an_earlier_run_left(settings: ContainerSettings) -> None:
    async def leave_behind() -> list[str]:
        factory = ContainerFactory(settings)
        await factory.start()
        paused = await factory.create(wanted(settings, 1, image=SWIFT))
        await paused.suspend()
        running = await factory.create(wanted(settings, 2))
        await factory.close()
        return [paused.id, running.id]

    async def start_again(ids: list[str]) -> None:
        neighbour = dataclasses.replace(settings, name_prefix=settings.name_prefix[:-1] + "0_")
        async with invoker(neighbour) as other:
            bystander = await other.create(wanted(neighbour, 1))
            async with invoker(settings):
                engine = Engine(settings.docker_host)
                assert await engine.containers(settings.name_prefix) == []
                assert (await engine.inspect(bystander.id))["State"]["Running"]
                engine.close()
            assert settings.socket_root is not None
            assert os.listdir(settings.socket_root) == []

    asyncio.run(start_again(asyncio.run(leave_behind())))


def test_loud_action_is_cut_at_its_limit(settings: ContainerSettings) -> None:
    loud = "def main(args):\n    for n in range(20000):\n        print('x' * 60)\n    return {}\n"

    async def flow(factory: ContainerFactory) -> None:
        container = await ready(factory, settings, loud)
        outcome = await container.run({"value": {}}, AMPLE_MS)
        logs = await container.collect_logs("1" * 32, MIB, True, outcome)
        assert logs.truncated
        assert not logs.complete
        assert logs.lines[-1].endswith("exceeds the limit of 1048576 bytes.")

    play(settings, flow)


def test_api_log_says_the_same_as_the_file(settings: ContainerSettings, docker_host: str) -> None:
    code = (
        "import sys\n"
        "def main(args):\n"
        "    for n in range(50):\n"
        "        print('out', n, flush=True)\n"
        "        print('  err', n, file=sys.stderr, flush=True)\n"
        "    return {}\n"
    )

    async def flow(factory: ContainerFactory) -> None:
        container = await ready(factory, settings, code)
        engine = Engine(docker_host)
        source = log_sources.EngineLog(engine, container.id)
        by_api = LogCollector(source, container.id)
        for _ in range(3):
            outcome = await container.run({"value": {}}, AMPLE_MS)
            from_file = await container.collect_logs("1" * 32, MIB, True, outcome)
            from_api = await by_api.collect(MIB, True)
            assert len(from_file.lines) == 100
            # In the file two lines of one moment may stand in either order.
            assert sorted(from_file.lines) == sorted(from_api.lines)
            assert from_api.complete
        engine.close()

    play(settings, flow)


def test_thousand_requests_leave_no_files_open(settings: ContainerSettings) -> None:
    async def flow(factory: ContainerFactory) -> None:
        plain = await ready(factory, settings, number=1)
        swift = await ready(factory, settings, number=2, image=SWIFT)
        for container in (plain, swift):
            await container.run({"value": {}}, AMPLE_MS)
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(500):
                outcome = await container.run({"value": {"x": 1}}, AMPLE_MS)
                assert outcome.status == 200
            assert len(os.listdir("/proc/self/fd")) <= before + 2

    play(settings, flow)
