"""The images under a Docker Engine: what a container adds to the unit tests of the runtime."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from tests.integration.runtime_image.conftest import TAG, Start
from tests.unit.runtime_image.harness import Client, until

pytestmark = pytest.mark.docker

SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"


def test_the_image_says_that_it_speaks_the_protocol(engine: docker.DockerClient) -> None:
    assert engine.images.get(TAG).labels["org.swift-invoker.protocol"] == "1"
    plain = engine.images.get("swift-test-nodejs:latest")
    assert "org.swift-invoker.protocol" not in plain.labels


def test_forks_in_a_container(swift: Client) -> None:
    assert swift.init("import swift_rdma\ndef main(args): return args").status == 200
    assert swift.run("w1", {"x": 1}).json() == {"x": 1}
    assert swift.run("w1", {"x": 2}, start="warm").json() == {"x": 2}
    assert swift.run("w2").swift["slot"] == 1


def test_without_a_device_the_error_names_the_remedy(swift: Client) -> None:
    swift.init("import swift_rdma\ndef main(args): return swift_rdma.connect('127.0.0.1:1')")
    error = swift.run("w1").json()["error"]
    assert "RDMA device" in error
    assert "/dev/infiniband/uverbsN" in error


HOG = """
    import os
    def main(args):
        kept = [os.urandom(1 << 20) for _ in range(args.get("mb", 0))]
        return {"mb": len(kept)}
"""


def test_the_kernel_takes_the_greedy_worker_and_nobody_else(swift: Client) -> None:
    """No limit of our own: the container's 256 MB are passed, and the kernel must choose."""
    swift.init(HOG)
    assert swift.run("sibling").status == 200
    answer = swift.run("w1", {"mb": 1000})
    assert (answer.status, answer.swift["exit"]["reason"]) == (502, "memory")
    assert answer.json() == {"error": "The action exhausted its memory and was aborted."}
    assert swift.run("sibling", {"mb": 1}, start="warm").json() == {"mb": 1}
    assert swift.run("w2", {"mb": 1}).json() == {"mb": 1}


def test_a_workers_own_limit_comes_first(swift: Client) -> None:
    swift.init(HOG, worker_memory_mb=64)
    answer = swift.run("w1", {"mb": 200})
    assert (answer.status, answer.swift["exit"]["reason"]) == (502, "memory")
    assert swift.run("w2", {"mb": 10}).status == 200


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("swift-test-nodejs:latest", "function main(params) { return params; }"),
        ("swift-test-python:latest", "def main(args): return args"),
        (TAG, "def main(args): return args"),
    ],
)
def test_the_stock_contract_over_tcp(start: Start, image: str, code: str) -> None:
    container = start(image)
    post = _poster(container)
    value = {"name": "x", "main": "main", "binary": False, "code": code, "env": {"A": "b"}}
    assert post("/init", {"value": value}) == (200, {"ok": True})
    assert post("/run", {"value": {"x": 1}, "activation_id": "a"}) == (200, {"x": 1})
    status, again = post("/init", {"value": value})
    assert (status, again["error"]) == (403, "Cannot initialize the action more than once.")
    until(lambda: container.logs().decode().count(SENTINEL) >= 2, "the sentinels in the logs")
    container.stop(timeout=10)
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0


def _poster(container: Container) -> Callable[[str, Any], tuple[int, Any]]:
    container.reload()
    address = container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]

    def post(path: str, content: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(address, 8080, timeout=20)
        try:
            connection.request("POST", path, json.dumps(content))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def listens() -> bool:
        try:
            post("/nothing", {})
        except ConnectionError:
            return False
        return True

    until(listens, "the container to listen")
    return post
