"""Networks made ahead, with a real Docker Engine: joined, apart, thrown away, refilled."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import docker
import pytest

from invoker_plugin.containers import labels
from invoker_plugin.containers.container import Container
from invoker_plugin.containers.factory import ContainerFactory
from invoker_plugin.containers.networks import joining
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.containers.specification import ContainerSpecification
from tests.integration.containers.conftest import PLAIN, SWIFT

pytestmark = pytest.mark.docker

DEADLINE_S = 120.0
LIMIT_MS = 30_000
READY = 2
CODE = """
import socket

def main(args):
    if "connect" in args:
        with socket.socket() as one:
            one.settimeout(2)
            return {"code": one.connect_ex((args["connect"], args["port"]))}
    if "listen" in args:
        global listener
        listener = socket.create_server(("127.0.0.1", args["listen"]))
        return {"listening": True}
    with open("/etc/hosts") as hosts, open("/etc/resolv.conf") as resolver:
        said = {"hosts": hosts.read(), "resolver": resolver.read()}
    return {**said, "name": socket.gethostname(), "ip": socket.gethostbyname(socket.gethostname())}
"""


def run(flow: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(flow, 2 * DEADLINE_S))


def client_of(settings: ContainerSettings) -> docker.APIClient:
    return docker.APIClient(base_url=settings.docker_host, version="auto")


def holders(settings: ContainerSettings) -> list[dict[str, Any]]:
    """The containers that hold a network of this invoker's, as Docker lists them."""
    role = f"{labels.ROLE}={joining.ROLE}"
    found = client_of(settings).containers(all=True, filters={"label": role})
    return [one for one in found if one["Names"][0].startswith(f"/{settings.name_prefix}")]


async def until(condition: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the condition never held"
        await asyncio.sleep(0.05)


def figures(factory: ContainerFactory) -> dict[str, Any]:
    return dict(factory.figures()["ready_networks"])


async def full(factory: ContainerFactory) -> None:
    await until(lambda: figures(factory)["ready"] == READY)


async def made(factory: ContainerFactory, number: int, image: str = PLAIN) -> Container:
    name = f"{factory._settings.name_prefix}{number}_guest_a"
    container = await factory.create(ContainerSpecification(name, image, "python:3", 128))
    answer = await container.init(
        json.dumps({"value": {"code": CODE, "main": "main"}}).encode(), LIMIT_MS
    )
    assert answer.status == 200, answer
    return container


async def asked(container: Container, **value: Any) -> Any:
    answer = await container.run(json.dumps({"value": value}).encode(), LIMIT_MS)
    assert answer.status == 200, answer
    return json.loads(answer.body)


def with_factory(
    settings: ContainerSettings, flow: Callable[[ContainerFactory], Awaitable[None]], **changes: Any
) -> None:
    async def whole() -> None:
        factory = ContainerFactory(dataclasses.replace(settings, ready_networks=READY, **changes))
        await factory.start()
        try:
            await full(factory)
            await flow(factory)
        finally:
            await factory.clean_up()
            await factory.close()

    run(whole())
    assert holders(settings) == []


@pytest.mark.parametrize("image", [PLAIN, SWIFT])
def test_a_container_joins_a_ready_network_and_sees_what_it_would_see_anyway(
    settings: ContainerSettings, image: str
) -> None:
    async def flow(factory: ContainerFactory) -> None:
        joins = await made(factory, 1, image)
        assert figures(factory)["joined"] == 1
        bypassing = dataclasses.replace(factory._settings, ready_networks=0)
        ordinary_factory = ContainerFactory(bypassing)
        ordinary_factory.prepare()
        ordinary = await made(ordinary_factory, 2, image)
        seen, usual = await asked(joins), await asked(ordinary)
        assert seen["resolver"] == usual["resolver"]
        for said in (seen, usual):
            # Its name is 12 hex digits, and stands for the address on the bridge.
            assert len(said["name"]) == 12
            assert f"{said['ip']}\t{said['name']}" in said["hosts"]
        if image == PLAIN:
            assert joins.traits.address.host == f"{seen['ip']}:8080"
        await ordinary.remove()
        await ordinary_factory.close()

    with_factory(settings, flow)


def test_two_containers_share_no_network(settings: ContainerSettings) -> None:
    async def flow(factory: ContainerFactory) -> None:
        one, other = await made(factory, 1), await made(factory, 2)
        assert figures(factory)["joined"] == 2
        assert await asked(one, listen=9999) == {"listening": True}
        assert await asked(one, connect="127.0.0.1", port=9999) == {"code": 0}
        assert (await asked(other, connect="127.0.0.1", port=9999))["code"] != 0
        assert (await asked(one))["ip"] != (await asked(other))["ip"]

    with_factory(settings, flow)


def test_a_network_is_used_once_and_another_is_made(settings: ContainerSettings) -> None:
    async def flow(factory: ContainerFactory) -> None:
        before = {one["Id"] for one in holders(settings)}
        assert len(before) == READY
        container = await made(factory, 1)
        await full(factory)
        facts = await factory._engine.inspect(container.id)
        holder = facts["HostConfig"]["NetworkMode"].removeprefix("container:")
        assert holder in before
        await container.remove()
        await until(lambda: holder not in {one["Id"] for one in holders(settings)})
        assert len(holders(settings)) == READY
        assert figures(factory)["used"] == 0

    with_factory(settings, flow)


def test_with_none_ready_or_options_of_its_own_a_container_starts_the_ordinary_way(
    settings: ContainerSettings,
) -> None:
    async def flow(factory: ContainerFactory) -> None:
        own = ContainerSpecification(f"{settings.name_prefix}1_guest_a", PLAIN, "own", 128)
        container = await factory.create(own)
        facts = await factory._engine.inspect(container.id)
        assert facts["HostConfig"]["NetworkMode"] == "bridge"
        assert "peer" in facts["HostConfig"]["ExtraHosts"][0]
        for number in range(2, 3 + READY):
            await factory.create(
                ContainerSpecification(
                    f"{settings.name_prefix}{number}_guest_a", PLAIN, "python:3", 128
                )
            )
        told = figures(factory)
        assert told["not_joined"]["its network options are its kind's own"] == 1
        assert told["joined"] >= READY

    with_factory(settings, flow, kinds={"own": {"add-host": ("peer:192.0.2.1",)}})


def test_a_holder_killed_from_outside_costs_its_container_and_is_replaced(
    settings: ContainerSettings,
) -> None:
    async def flow(factory: ContainerFactory) -> None:
        lost: list[str] = []
        factory.on_exit(lost.append)
        container = await made(factory, 1)
        facts = await factory._engine.inspect(container.id)
        holder = facts["HostConfig"]["NetworkMode"].removeprefix("container:")
        client_of(settings).kill(holder)
        await until(lambda: container.id in lost)
        assert container.exited
        idle = [one["Id"] for one in holders(settings) if one["Id"] != holder]
        client_of(settings).kill(idle[0])
        await until(lambda: idle[0] not in {one["Id"] for one in holders(settings)})
        await full(factory)
        assert (await asked(await made(factory, 2)))["ip"]
        await container.remove()

    with_factory(settings, flow)


def test_what_a_crash_leaves_is_gone_after_the_next_start(settings: ContainerSettings) -> None:
    async def crash() -> None:
        factory = ContainerFactory(dataclasses.replace(settings, ready_networks=READY))
        await factory.start()
        await full(factory)
        await made(factory, 1)
        # No clean_up and no close: this is how a killed process ends.

    async def restart() -> None:
        factory = ContainerFactory(settings)
        await factory.start()
        assert (
            client_of(settings).containers(all=True, filters={"name": settings.name_prefix}) == []
        )
        await factory.close()

    run(crash())
    assert len(holders(settings)) >= READY
    run(restart())
