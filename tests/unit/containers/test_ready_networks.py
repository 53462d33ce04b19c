"""The pool of ready networks, on an engine that fails as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from invoker_plugin.containers import labels
from invoker_plugin.containers.engine_errors import DockerFault
from invoker_plugin.containers.factory import ContainerFactory
from invoker_plugin.containers.http_connection import TcpAddress
from invoker_plugin.containers.networks import joining, pause_image
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.errors import ConfigurationError, SystemFault
from tests.unit.containers.engines import FakeEngine
from tests.unit.containers.test_factory import factory_of, wanted

HOLDER = "wsk0_network_"


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invoker_plugin.containers.networks.ready._LEAST_PAUSE_S", 0.0)


def run(flow: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(flow, 20))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


def figures(factory: ContainerFactory) -> dict[str, Any]:
    return dict(factory.figures()["ready_networks"])


async def started(engine: FakeEngine, count: int = 2, **changes: Any) -> ContainerFactory:
    """A factory whose networks are ready, or that cannot have any."""
    factory = factory_of(engine, ready_networks=count, **changes)
    await factory.start()
    await until(lambda: figures(factory)["ready"] == count or figures(factory)["trouble"])
    return factory


def holders(engine: FakeEngine) -> list[str]:
    """Ids of the holders that exist."""
    return [
        identity
        for identity, one in engine.existing.items()
        if one["Names"][0].startswith(f"/{HOLDER}")
    ]


def test_none_are_made_unless_wanted() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        factory = factory_of(engine)
        await factory.start()
        await factory.create(wanted())
        assert len(engine.called("create")) == 1
        await factory.close()

    run(flow())
    with pytest.raises(ConfigurationError, match="ready_networks"):
        ContainerSettings("wsk0_", 1024, ready_networks=-1)


def test_a_container_joins_and_its_network_goes_with_it() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        factory = await started(engine)
        first = holders(engine)[0]
        container = await factory.create(wanted())
        assert engine.configs[container.id]["HostConfig"]["NetworkMode"] == f"container:{first}"
        assert container.traits.address == TcpAddress("172.17.0.9", 8080)
        assert (figures(factory)["used"], figures(factory)["joined"]) == (1, 1)
        await until(lambda: figures(factory)["ready"] == 2)
        await container.remove()
        await until(lambda: first not in engine.existing)
        removed = engine.called("remove")
        assert removed.index(container.id) < removed.index(first)
        assert figures(factory)["used"] == 0
        await factory.clean_up()
        assert engine.existing == {}
        await factory.close()

    run(flow())


def test_more_starts_than_networks_start_the_ordinary_way() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        factory = await started(engine, 1)
        first, second = await asyncio.gather(factory.create(wanted(1)), factory.create(wanted(2)))
        modes = [engine.configs[one.id]["HostConfig"]["NetworkMode"] for one in (first, second)]
        assert sorted(mode.partition(":")[0] for mode in modes) == ["bridge", "container"]
        assert figures(factory)["not_joined"] == {"none was ready": 1}
        await factory.close()

    run(flow())


def test_a_network_that_cannot_be_joined_costs_no_start() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        factory = await started(engine)
        engine.refuse_joining = "cannot join network of a non running container"
        container = await factory.create(wanted())
        assert engine.configs[container.id]["HostConfig"]["NetworkMode"] == "bridge"
        assert figures(factory)["not_joined"] == {"could not be joined": 1}
        engine.refuse_joining = ""
        await until(lambda: len(holders(engine)) == 2)
        names = [one["Names"] for one in engine.existing.values()]
        assert names.count(["/wsk0_1_guest_a"]) == 1
        await factory.close()

    run(flow())


def test_another_failure_of_a_start_frees_the_network_and_is_told() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        factory = await started(engine)
        engine.refuse_joining = "out of disk space"
        with pytest.raises(SystemFault, match="disk space"):
            await factory.create(wanted())
        await until(lambda: figures(factory)["ready"] == 2 and figures(factory)["used"] == 0)
        assert len(holders(engine)) == 2
        await factory.close()

    run(flow())


def test_a_holder_that_dies_is_replaced_and_takes_its_container_along() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        factory = await started(engine)
        lost: list[str] = []
        factory.on_exit(lost.append)
        idle, used = holders(engine)[1], holders(engine)[0]
        container = await factory.create(wanted())
        factory._deaths.hear({"id": used, "Action": "die"})
        assert container.id in lost
        assert container.exited
        factory._deaths.hear({"id": idle, "Action": "die"})
        await until(lambda: idle not in engine.existing and used not in engine.existing)
        await until(lambda: figures(factory)["ready"] == 2)
        await container.remove()
        await factory.close()

    run(flow())


@pytest.mark.parametrize(
    ("changes", "engine_changes", "reason"),
    [
        ({"network": "host"}, {}, "'host'"),
        ({"network": "rdma"}, {"driver": "macvlan"}, "no bridge but macvlan"),
        ({}, {"architecture": "s390x"}, "s390x"),
    ],
)
def test_where_none_can_be_made_it_says_why_once_and_all_start_the_ordinary_way(
    changes: dict[str, Any], engine_changes: dict[str, Any], reason: str
) -> None:
    async def flow() -> None:
        engine = FakeEngine()
        for name, value in engine_changes.items():
            setattr(engine, name, value)
        factory = await started(engine, **changes)
        assert reason in figures(factory)["trouble"]
        await factory.create(wanted())
        assert holders(engine) == []
        await factory.close()

    run(flow())


def test_docker_that_fails_is_asked_again_and_nothing_broken_is_left() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        engine.fails["start"] = DockerFault("docker start: no space left")
        factory = factory_of(engine, ready_networks=1)
        await factory.start()
        await until(lambda: figures(factory)["trouble"] == "docker start: no space left")
        del engine.fails["start"]
        await until(lambda: figures(factory)["ready"] == 1)
        assert figures(factory)["trouble"] is None
        assert len(holders(engine)) == 1
        await factory.close()

    run(flow())


def test_stopping_in_the_middle_leaves_no_holder_that_nobody_knows() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        engine.gates["start"] = asyncio.Event()
        factory = factory_of(engine, ready_networks=1)
        await factory.start()
        await until(lambda: len(engine.called("start")) == 1)
        cleaning = asyncio.ensure_future(factory.clean_up())
        await asyncio.sleep(0)
        engine.gates["start"].set()
        await cleaning
        assert engine.existing == {}
        await factory.close()

    run(flow())


def test_networks_are_made_when_no_container_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invoker_plugin.containers.networks.ready._QUIET_LIMIT_S", 60.0)

    async def flow() -> None:
        engine = FakeEngine()
        factory = await started(engine, 1)
        made = len(engine.called("create"))
        engine.gates["inspect"] = asyncio.Event()
        starting = asyncio.ensure_future(factory.create(wanted()))
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(engine.called("create")) == made + 1
        engine.gates.pop("inspect").set()
        await starting
        await until(lambda: figures(factory)["ready"] == 1)
        await factory.close()

    run(flow())


def settings_of(**changes: Any) -> ContainerSettings:
    return ContainerSettings("wsk0_", 1024, **changes)


def test_network_options_of_all_containers_go_to_the_holder() -> None:
    settings = settings_of(
        network="own-bridge",
        dns=("192.0.2.53",),
        options={"add-host": ("peer:192.0.2.1",), "sysctl": ("net.core.somaxconn=9", "kernel.x=1")},
    )
    host = joining.holder(settings, "pause")["HostConfig"]
    assert host["NetworkMode"] == "own-bridge"
    assert host["Dns"] == ["192.0.2.53"]
    assert host["ExtraHosts"] == ["peer:192.0.2.1"]
    assert host["Sysctls"] == {"net.core.somaxconn": "9"}
    assert host["CapDrop"] == ["ALL"]
    config = {"Image": "x", "HostConfig": {**joining.common(settings), "Memory": 5}}
    config["HostConfig"]["Sysctls"] = {"net.core.somaxconn": "9", "kernel.x": "1"}
    assert joining.objection(config, settings) is None
    changed = joining.joined(config, "f" * 64)["HostConfig"]
    assert changed == {
        "NetworkMode": f"container:{'f' * 64}",
        "Memory": 5,
        "Sysctls": {"kernel.x": "1"},
    }


@pytest.mark.parametrize(
    "own",
    [
        {"NetworkMode": "rdma-macvlan"},
        {"ExtraHosts": ["peer:192.0.2.1"]},
        {"Dns": ["192.0.2.53"]},
        {"Sysctls": {"net.core.somaxconn": "9"}},
        {"Runtime": "kata"},
        {"UsernsMode": "host"},
    ],
)
def test_a_container_with_network_options_of_its_own_does_not_join(own: dict[str, Any]) -> None:
    config = {"HostConfig": {"NetworkMode": "bridge", **own}}
    assert joining.objection(config, settings_of()) is not None
    assert joining.objection({"HostConfig": {"NetworkMode": "bridge"}}, settings_of()) is None


def test_the_holders_are_labelled_as_this_invokers() -> None:
    config = joining.holder(settings_of(), "pause")
    assert config["Labels"] == {labels.INVOKER: "wsk0", labels.ROLE: "network"}


def test_the_pause_program_is_an_executable_of_one_loop() -> None:
    program = pause_image.program()
    assert program[:4] == b"\x7fELF"
    assert len(program) == 129
    assert program.endswith(b"\x0f\x05\xeb\xf7")
