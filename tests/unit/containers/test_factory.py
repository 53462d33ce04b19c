"""Making containers when Docker does not do as asked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.containers.engine_errors import DockerFault
from invoker_plugin.containers.factory import ContainerFactory
from invoker_plugin.containers.http_connection import TcpAddress, UnixAddress
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.containers.specification import ContainerSpecification
from invoker_plugin.errors import DeveloperFault, SystemFault
from tests.unit.containers.engines import FakeEngine


def factory_of(engine: FakeEngine, **changes: Any) -> ContainerFactory:
    settings = ContainerSettings(**{"name_prefix": "wsk0_", "user_memory_mb": 2048, **changes})
    return ContainerFactory(settings, engine)  # type: ignore[arg-type]


def wanted(number: int = 1, image: str = "python", managed: bool = True) -> ContainerSpecification:
    return ContainerSpecification(f"wsk0_{number}_guest_a", image, "python:3", 256, managed)


async def until_called(engine: FakeEngine, name: str, times: int) -> None:
    while len(engine.called(name)) < times:
        await asyncio.sleep(0)


def run(flow: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(flow, 20))


def test_plain_container_is_reached_over_tcp() -> None:
    container = asyncio.run(factory_of(FakeEngine()).create(wanted()))
    assert container.protocol == 0
    assert container.traits.address == TcpAddress("172.17.0.9", 8080)
    assert container.create_ms >= container.traits.start_ms


def test_swift_container_is_reached_over_its_socket(tmp_path: Path) -> None:
    engine = FakeEngine()

    async def flow() -> None:
        factory = factory_of(engine, socket_root=str(tmp_path))
        container = await factory.create(wanted(image="swift"))
        directory = container.traits.socket_directory
        assert container.protocol == 1
        assert directory is not None
        assert container.traits.address == UnixAddress(f"{directory}/proxy.sock")
        assert Path(directory).parent == tmp_path
        await container.remove()
        assert list(tmp_path.iterdir()) == []

    run(flow())


def test_swift_container_without_a_socket_root_is_reached_over_tcp() -> None:
    container = asyncio.run(factory_of(FakeEngine()).create(wanted(image="swift")))
    assert container.protocol == 1
    assert isinstance(container.traits.address, TcpAddress)


def test_no_more_than_the_permitted_runs_at_once() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        engine.gates["start"] = asyncio.Event()
        factory = factory_of(engine, parallel_runs=3)
        creations = [asyncio.create_task(factory.create(wanted(n))) for n in range(8)]
        await until_called(engine, "start", 3)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(engine.called("create")) == 3
        engine.gates["start"].set()
        await asyncio.gather(*creations)
        assert engine.most_at_once["start"] == 3

    run(flow())


@pytest.mark.parametrize("step", ["create", "start", "inspect"])
def test_failed_run_releases_its_permit(step: str) -> None:
    async def flow() -> None:
        engine = FakeEngine()
        engine.fails[step] = DockerFault(f"docker {step}: no space left on device", 500)
        factory = factory_of(engine, parallel_runs=1)
        for number in range(3):
            with pytest.raises(SystemFault, match="no space left"):
                await factory.create(wanted(number))
        del engine.fails[step]
        await factory.create(wanted(9))

    run(flow())


@pytest.mark.parametrize("step", ["start", "inspect"])
def test_broken_container_is_removed(step: str, tmp_path: Path) -> None:
    async def flow() -> None:
        engine = FakeEngine()
        engine.fails[step] = DockerFault(f"docker {step}: failed", 500)
        factory = factory_of(engine, socket_root=str(tmp_path))
        with pytest.raises(SystemFault):
            await factory.create(wanted(image="swift"))
        await factory.close()
        assert engine.existing == {}
        assert list(tmp_path.iterdir()) == []

    run(flow())


def test_cancelled_creation_leaves_nothing(tmp_path: Path) -> None:
    async def flow() -> None:
        engine = FakeEngine()
        engine.gates["start"] = asyncio.Event()
        factory = factory_of(engine, socket_root=str(tmp_path))
        creation = asyncio.create_task(factory.create(wanted(image="swift")))
        await until_called(engine, "start", 1)
        creation.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creation
        await factory.close()
        assert engine.existing == {}
        assert list(tmp_path.iterdir()) == []

    run(flow())


def test_executable_that_is_not_in_the_image_is_a_developer_error() -> None:
    engine = FakeEngine()
    text = 'docker start: exec: "nosuch": executable file not found in $PATH: unknown'
    engine.fails["start"] = DockerFault(text, 400)
    with pytest.raises(DeveloperFault):
        asyncio.run(factory_of(engine).create(wanted(image="python", managed=True)))


def test_container_that_exits_at_once_is_its_images_fault() -> None:
    engine = FakeEngine()
    engine.state = {"Running": False}
    with pytest.raises(DeveloperFault, match="did not initialize and exited"):
        asyncio.run(factory_of(engine).create(wanted(image="guest/bb:1", managed=False)))
    with pytest.raises(SystemFault, match="exits as it starts"):
        asyncio.run(factory_of(engine).create(wanted()))


@pytest.mark.parametrize("identity", ["", "abc", "A" * 64, "g" * 64, "0" * 65])
def test_wrong_container_id_is_refused(identity: str) -> None:
    engine = FakeEngine()
    engine.next_id = lambda _: identity
    with pytest.raises(SystemFault, match="no container id"):
        asyncio.run(factory_of(engine).create(wanted()))


def test_container_without_an_address_is_removed() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        engine.networks = {"bridge": {"IPAddress": ""}}
        factory = factory_of(engine)
        with pytest.raises(SystemFault, match="no address"):
            await factory.create(wanted())
        await factory.close()
        assert engine.existing == {}

    run(flow())


def test_address_on_a_named_network_and_on_the_hosts() -> None:
    engine = FakeEngine()
    engine.networks = {"a": {"IPAddress": "10.0.0.1"}, "b": {"IPAddress": "10.0.0.2"}}
    container = asyncio.run(factory_of(engine, network="b").create(wanted()))
    assert container.traits.address == TcpAddress("10.0.0.2", 8080)
    container = asyncio.run(factory_of(engine, network="host").create(wanted()))
    assert container.traits.address == TcpAddress("127.0.0.1", 8080)


def test_clean_up_takes_its_own_in_any_state_and_no_neighbours() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        for name, state in (
            ("wsk0_1_guest_a", "running"),
            ("wsk0_2_prewarm_x", "paused"),
            ("wsk0_3_guest_b", "exited"),
            ("wsk01_1_guest_a", "running"),
            ("mywsk0_1_x", "running"),
        ):
            engine.existing[name] = {"Id": name, "Names": [f"/{name}"], "State": state}
        engine.fails["unpause"] = DockerFault("docker unpause: not paused", 500)
        assert await factory_of(engine).clean_up() == 3
        assert sorted(engine.existing) == ["mywsk0_1_x", "wsk01_1_guest_a"]
        assert engine.called("unpause") == ["wsk0_2_prewarm_x"]

    run(flow())


def test_clean_up_removes_no_more_at_once_than_the_operator_wants() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        for number in range(5):
            name = f"wsk0_{number}_guest_a"
            engine.existing[name] = {"Id": name, "Names": [f"/{name}"], "State": "running"}
        engine.gates["remove"] = asyncio.Event()
        cleaning = asyncio.ensure_future(factory_of(engine, removed_at_once=2).clean_up())
        while len(engine.called("remove")) < 2:
            await asyncio.sleep(0.001)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(engine.called("remove")) == 2
        engine.gates["remove"].set()
        assert await cleaning == 5

    run(flow())


def test_clean_up_that_fails_or_hangs_is_a_system_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from invoker_plugin.containers import clean_up

    async def flow() -> None:
        engine = FakeEngine()
        engine.existing["x"] = {"Id": "x", "Names": ["/wsk0_1_a_b"], "State": "running"}
        engine.fails["remove"] = DockerFault("docker remove: device busy", 500)
        with pytest.raises(SystemFault, match="device busy"):
            await factory_of(engine).clean_up()
        monkeypatch.setattr(clean_up, "LIMIT_S", 0.02)
        engine.gates["remove"] = asyncio.Event()
        with pytest.raises(SystemFault, match="wsk0_"):
            await factory_of(engine).clean_up()

    run(flow())


def test_start_refuses_without_docker_and_with_one_too_old() -> None:
    engine = FakeEngine()
    engine.fails["version"] = DockerFault("docker version: connection refused")
    with pytest.raises(SystemFault, match="no Docker Engine"):
        asyncio.run(factory_of(engine).start())

    class Old(FakeEngine):
        async def version(self, limit_s: float = 10.0) -> dict[str, Any]:
            return {"ApiVersion": "1.24"}

    with pytest.raises(SystemFault, match=r"1\.24 is too old"):
        asyncio.run(factory_of(Old()).start())


def test_healthy_is_that_docker_answered_lately() -> None:
    engine = FakeEngine()
    assert asyncio.run(factory_of(engine).healthy())
    assert not engine.called("version")
    engine.silent_s = 60.0
    assert asyncio.run(factory_of(engine).healthy())
    engine.fails["version"] = DockerFault("docker version: timeout")
    assert not asyncio.run(factory_of(engine).healthy())
