"""``swift-invoker check --fork`` on the soft-RoCE device, in containers as actions get them."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from devstack.machine import RdmaMachine
from devstack.stack import Stack
from devstack.worker import rdma_device
from runtime_image.build import PATCHED, RUNTIME
from tests.integration.patched import have

pytestmark = [pytest.mark.rdma, pytest.mark.docker]

SETTINGS = {
    "KAFKA_HOSTS": "127.0.0.1:1",
    "CONFIG_whisk_couchdb_host": "127.0.0.1",
    "CONFIG_whisk_couchdb_databases_WhiskAuth": "a",
    "CONFIG_whisk_couchdb_databases_WhiskEntity": "b",
    "CONFIG_whisk_couchdb_databases_WhiskActivation": "c",
    "CONFIG_whisk_containerPool_userMemory": "1024m",
    "RUNTIMES_MANIFEST": json.dumps(
        {
            "runtimes": {
                "nodejs": [{"kind": "nodejs:20", "default": True, "image": {"name": "n"}}],
                "python": [
                    {"kind": "python:3-rdma", "default": True,
                     "image": {"name": "swift-runtime", "tag": "debian"}}
                ],
            }
        }
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def machine(devstack: Stack, docker_host: str) -> RdmaMachine:
    return have(devstack, docker_host, RUNTIME, PATCHED)


def check(machine: RdmaMachine, image: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and findings by name."""
    directory = "/tmp/swift-fork-check"
    toml = f'[containers]\nrdma_device = "{rdma_device(machine)}"\nverbs_cache = ""\n'
    machine.run(["mkdir", "-p", directory])
    machine.run(["sh", "-c", f"printf %s {shlex.quote(toml)} >{directory}/invoker.toml"])
    variables = [f"{name}={value}" for name, value in SETTINGS.items()]
    variables.append(f"DOCKER_HOST={machine.docker_host_url}")
    done = machine.run(
        ["env", *variables, machine.python, "-m", "invoker_plugin.cli.main", "check", "--id=0",
         f"--config={directory}/invoker.toml", "--json", "--fork", f"--image={image}",
         "--slots=4", "--rounds=3", "--seconds=120"],
        check=False, timeout_s=400,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["ok"] == (done.returncode == 0), done.stderr
    return done.returncode, {one["check"]: one for one in report["checks"]}


def test_patched_image_holds_the_best_rung(machine: RdmaMachine) -> None:
    code, findings = check(machine, PATCHED.tag)
    assert code == 0, findings
    assert findings["rung"]["seen"].startswith("connected holds")
    assert findings["fork-connected"]["seen"].startswith("3 rounds of 4 children at once")
    assert findings["fork-connected"]["seen"].endswith("4 children killed")
    assert "rxe0" in findings["fork-device"]["seen"]


def test_debians_libraries_stand_lower_and_are_told_why(machine: RdmaMachine) -> None:
    code, findings = check(machine, RUNTIME.tag)
    assert code == 0, findings
    assert findings["rung"]["seen"].startswith("stock holds")
    assert findings["fork-probe"]["state"] == "warn"
    assert "in a forked child" in findings["fork-probe"]["seen"]
