"""Machines to deploy to, and Kafka, store and controller of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from devstack.errors import DevstackError
from devstack.lock import exclusive
from devstack.machine.machine import machine_programs
from devstack.packages import ensure_programs
from devstack.paths import Paths
from devstack.stack import Stack
from tests.e2e.ansible.container_machine import ContainerMachine
from tests.e2e.ansible.fleet import Fleet
from tests.e2e.ansible.forwarder import Forwarder

_OF_OUR_ROLES = ("rdma-core", "ibverbs-utils", "ibverbs-providers", "python3-venv")
MakeFleet = Callable[..., Fleet[ContainerMachine]]


@pytest.fixture(scope="module")
def own_stack(devstack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A devstack whose only invokers are those that a test deploys. It is down at the end."""
    try:
        with exclusive(devstack.paths):
            devstack.up(["kafka", "store", "image"])
        paths = Paths(tmp_path_factory.mktemp("deploy") / "home")
        paths.create()
        for built in devstack.paths.cache.iterdir():
            # What others build on there must not be built into the devstack's own.
            if built.name.startswith(("kafka-", "npm-")):
                (paths.cache / built.name).symlink_to(built)
        stack = Stack(paths)
        with exclusive(paths):
            stack.up(["controller"])
    except DevstackError as error:
        pytest.fail(f"the devstack cannot be had: {error}", pytrace=False)
    yield stack
    with exclusive(stack.paths):
        stack.down()


@pytest.fixture(scope="module")
def make_fleet(devstack: Stack, own_stack: Stack) -> Iterator[MakeFleet]:
    """Makes a fleet of machines by their names; they are gone at the end."""
    machines: list[ContainerMachine] = []
    ensure_programs(devstack.paths, machine_programs("vm"))

    def make(*names: str, bare: bool = False) -> Fleet[ContainerMachine]:
        made = [ContainerMachine(devstack.paths, name) for name in names]
        machines.extend(made)
        for machine in made:
            machine.up()
            if bare:
                machine.run("apt-get", "purge", "--yes", *_OF_OUR_ROLES)
        forwarder.address = made[0].gateway
        forwarder.open()
        return Fleet(own_stack, made, devstack.paths, bare=bare)

    forwarder = Forwarder("", _ports(own_stack))
    yield make
    for machine in machines:
        machine.down()
    forwarder.close()


def _ports(stack: Stack) -> list[int]:
    addresses = [stack.kafka.machine_hosts, f":{stack.store.address.port}", stack.api.url]
    return [int(address.rpartition(":")[2]) for address in addresses]
