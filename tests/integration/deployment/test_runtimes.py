"""OpenWhisk's ordinary runtimes and users' images: every start, a pause, and whole logs.

Through a controller, Kafka, the store and Docker; none of these images knows of forks.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from tests.integration.deployment.conftest import BLACKBOX, MANIFEST, RDMA_KIND, deployed
from tests.integration.deployment.running import (
    Deployment,
    annotation,
    started,
)
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]

PYTHON = """
import os, sys
def main(args):
    print("out", args["n"])
    print("err", args["n"], file=sys.stderr)
    return {"n": args["n"], "pid": os.getpid(), "action": os.environ["__OW_ACTION_NAME"]}
"""
NODEJS = """
function main(args) {
  console.log('out', args.n)
  console.error('err', args.n)
  return {n: args.n, pid: process.pid, action: process.env.__OW_ACTION_NAME}
}
"""
ECHO = "def main(args): return args"


@pytest.fixture(scope="module")
def deployment(
    kafka_hosts: str,
    store_settings: dict[str, Any],
    runtimes: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    """With a stem cell of one kind, and a pause that comes soon."""
    manifest = copy.deepcopy(MANIFEST)
    cell = {"initialCount": 1, "memory": "192 MB"}
    manifest["runtimes"]["python"][0]["stemCells"] = [cell]
    folder = tmp_path_factory.mktemp("runtimes")
    environment = {"CONFIG_whisk_containerProxy_timeouts_pauseGrace": "1 second"}
    with deployed(
        kafka_hosts, store_settings, runtimes, folder, manifest=manifest, **environment
    ) as up:
        yield up


def _containers(deployment: Deployment, action: str) -> list[dict[str, Any]]:
    held = deployment.invoker.state()["containers"]
    return [one for one in held if str(one.get("action", "")).endswith(f"/{action}")]


def _texts(record: dict[str, Any]) -> list[str]:
    """Streams and texts of a record's lines, without their times, in no order of streams."""
    return sorted(line.split(maxsplit=1)[1] for line in record["logs"])


@pytest.mark.parametrize(("kind", "code"), [("python:3", PYTHON), ("nodejs:20", NODEJS)])
def test_cold_then_warm_with_the_logs_of_each(deployment: Deployment, kind: str, code: str) -> None:
    name = f"plain-{kind.partition(':')[0]}"
    deployment.create(name, code, kind)
    records = [deployment.invoke(name, n=n) for n in (1, 2)]
    assert [started(record) for record in records] == ["cold", "warm"]
    assert annotation(records[0], "initTime") is not None
    assert annotation(records[1], "initTime") is None
    results = [record["response"]["result"] for record in records]
    assert results[0]["pid"] == results[1]["pid"]
    assert results[0]["action"] == f"/{deployment.controller.namespace}/{name}"
    for number, record in enumerate(records, 1):
        assert _texts(record) == [f"stderr: err {number}", f"stdout: out {number}"]


def test_stem_cell_is_taken_and_replaced(deployment: Deployment) -> None:
    eventually(lambda: deployment.invoker.state()["pool"]["prewarmed"] == 1, "a stem cell")
    deployment.create("prewarmed", PYTHON, limits={"memory": 192})
    record = deployment.invoke("prewarmed", n=1)
    assert started(record) == "prewarm"
    assert _texts(record) == ["stderr: err 1", "stdout: out 1"]
    eventually(lambda: deployment.invoker.state()["pool"]["prewarmed"] == 1, "its replacement")
    assert started(deployment.invoke("prewarmed", n=2)) == "warm"


def test_idle_container_is_frozen_and_wakes_for_the_next(
    deployment: Deployment, runtimes: str
) -> None:
    deployment.create("sleepy", PYTHON)
    first = deployment.invoke("sleepy", n=1)

    engine = docker.DockerClient(base_url=runtimes, version="auto")

    def paused() -> list[Any]:
        """The containers that are frozen; the pool calls them so before the engine has done it."""
        if [one["state"] for one in _containers(deployment, "sleepy")] != ["paused"]:
            return []
        found: list[Any] = engine.containers.list(filters={"name": "sleepy", "status": "paused"})
        return found

    eventually(lambda: bool(paused()), "the pause")
    (frozen,) = paused()
    again = deployment.invoke("sleepy", n=2)
    assert started(again) == "warm"
    assert again["response"]["result"]["pid"] == first["response"]["result"]["pid"]
    assert _texts(again) == ["stderr: err 2", "stdout: out 2"]
    eventually(lambda: bool(paused()), "the next pause")
    assert [container.id for container in paused()] == [frozen.id]


def test_users_own_image_needs_no_sentinels(deployment: Deployment, blackbox: str) -> None:
    deployment.create("own", PYTHON, "blackbox", image=blackbox)
    records = [deployment.invoke("own", n=n) for n in (1, 2)]
    assert [started(record) for record in records] == ["cold", "warm"]
    for number, record in enumerate(records, 1):
        assert record["response"]["status"] == "success"
        assert _texts(record) == [f"stderr: err {number}", f"stdout: out {number}"]
    assert annotation(records[0], "kind") == "blackbox"
    assert blackbox == BLACKBOX


def test_users_image_that_does_not_exist_is_the_users_fault(deployment: Deployment) -> None:
    deployment.create("nowhere", ECHO, "blackbox", image="127.0.0.1:9/no/such:image")
    record = deployment.invoke("nowhere", n=1)
    assert record["response"]["status"] == "action developer error"
    assert "127.0.0.1:9/no/such:image" in record["response"]["result"]["error"]


def test_image_of_the_swift_runtime_forks_beside_them(deployment: Deployment) -> None:
    deployment.create("forked", ECHO, RDMA_KIND)
    assert started(deployment.invoke("forked", n=0)) == "cold"
    ids = [deployment.begin("forked", n=n) for n in range(1, 4)]
    records = [deployment.record(one) for one in ids]
    assert [record["response"]["result"] for record in records] == [{"n": n} for n in range(1, 4)]
    assert {started(record) for record in records} <= {"fork", "warm"}
    assert len(_containers(deployment, "forked")) == 1
