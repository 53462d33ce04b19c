"""A host with a kernel and an RDMA device of its own: deployed over ssh, RDMA functions run on it.

Takes many minutes where the host is emulated, so it is run by ``make test-deploy`` only.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest

from devstack.machine import qemu
from devstack.manifest import runtimes_manifest
from devstack.stack import Stack
from tests.e2e.ansible.fleet import Fleet
from tests.e2e.ansible.test_deployment import LEFT
from tests.e2e.ansible.virtual_host import VirtualHost
from tests.e2e.private_machine import private_machine
from tests.polling import eventually

pytestmark = [pytest.mark.rdma, pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]
_DEVICE = "swiftrxe0"
_CACHE = "/var/cache/swift-invoker/verbs"
_STATE_S = 300.0


@pytest.fixture(scope="module")
def host(
    devstack: Stack, own_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VirtualHost]:
    home = tmp_path_factory.mktemp("machine") / "home"
    machine = private_machine(devstack, home, init=qemu.SYSTEMD_INIT)
    made = VirtualHost(machine, "rdma-host")
    made.up()
    yield made
    made.down()


@pytest.fixture(scope="module", autouse=True)
def before(host: VirtualHost) -> str:
    """What of a name like ours is the machine's own: looked up before anything is deployed."""
    return host.run("sh", "-c", LEFT)


@pytest.fixture(scope="module")
def fleet(devstack: Stack, own_stack: Stack, host: VirtualHost) -> Fleet[VirtualHost]:
    manifest = json.dumps(runtimes_manifest()).replace('"debian"', '"patched"')
    variables = {
        "runtime_image_variants": ["patched"],
        "runtimes_manifest": json.loads(manifest),
    }
    return Fleet(own_stack, [host], devstack.paths, variables)


def test_the_deployment_and_once_more_without_any_change(
    fleet: Fleet[VirtualHost], host: VirtualHost
) -> None:
    began = time.monotonic()
    first = fleet.play("site.yml")
    assert first.code == 0, first.output
    assert fleet.states() == {"invoker0": "up"}
    assert f"link {_DEVICE}/1 state ACTIVE" in host.run("rdma", "link")
    # by it the readers of the cache know that the directory's time is kept
    assert host.run("stat", "-c", "%a", "/sys/class/infiniband_verbs") == "1755"
    middle = time.monotonic()
    second = fleet.play("site.yml")
    assert second.code == 0, second.output
    assert second.changed == {"rdma-host": 0}, second.changes()
    ended = time.monotonic()
    print(f"site.yml: {middle - began:.0f} s, again without a change: {ended - middle:.0f} s")


def test_functions_of_every_start_talk_rdma(fleet: Fleet[VirtualHost]) -> None:
    _verify(fleet)


def test_the_cache_follows_the_device_and_functions_go_on(
    fleet: Fleet[VirtualHost], host: VirtualHost
) -> None:
    former = _cache(host)
    netdev = host.run("sh", "-c", f"rdma link show {_DEVICE}/1 | sed 's/.*netdev //'").split()[0]
    host.run("rdma", "link", "delete", _DEVICE)
    host.run("rdma", "link", "add", _DEVICE, "type", "rxe", "netdev", netdev)
    eventually(lambda: _cache(host) not in ("", former), "a cache of the new device", _STATE_S)
    _verify(fleet)


def test_uninstalling_leaves_no_trace(
    fleet: Fleet[VirtualHost], host: VirtualHost, before: str
) -> None:
    run = fleet.play("uninstall.yml")
    assert run.code == 0, run.output
    assert host.run("docker", "ps", "--all", "--quiet") == ""
    assert host.run("sh", "-c", LEFT) == before
    assert _DEVICE not in host.run("rdma", "link")


def _verify(fleet: Fleet[VirtualHost]) -> None:
    run = fleet.play("verify.yml")
    assert run.code == 0, run.output
    # The loopback takes a second queue pair, which no slot has ready: one on the inherited context.
    said = " ".join(run.output.replace("''", "'").split())
    starts = re.findall(r"(\w+): started (\w+), .*?'rdma': '(\w+)'", said)
    print(starts)
    assert [name for name, _, _ in starts] == ["cold", "first", "warm", "template", "fork"], said
    assert starts[-1][1] == "fork"
    assert {rung for _, _, rung in starts} <= {"connected", "shared", "inherited"}


def _cache(host: VirtualHost) -> str:
    """What tells one cache file from another; empty while there is none."""
    return host.run("sh", "-c", f"sha256sum {_CACHE}/* 2>/dev/null || true")
