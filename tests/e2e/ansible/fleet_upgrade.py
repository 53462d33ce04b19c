"""Two machines over ssh: upgraded under load, killed in the middle, uninstalled.

Takes many minutes, so it is run by ``make test-deploy`` only.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from devstack.client import Client, Invocation
from devstack.machine import qemu
from devstack.paths import REPOSITORY
from tests.e2e.ansible.container_machine import ContainerMachine
from tests.e2e.ansible.fleet import ANSIBLE, Fleet
from tests.e2e.ansible.forwarder import Forwarder
from tests.e2e.ansible.test_deployment import LEFT
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]
_SOURCES = ("invoker_plugin", "devstack", "ansible", "pyproject.toml", "requirements.lock",
            "README.md", "LICENSE")  # fmt: skip
_STATE_S = 400.0
# Each run of an activation is counted by a server of the test's.
_ACTION = """
import urllib.request

def main(args):
    urllib.request.urlopen(args["counter"] + "/" + args["value"], timeout=60).read()
    return {"value": args["value"]}
"""


@pytest.fixture(scope="module")
def fleet(make_fleet: Callable[..., Fleet[ContainerMachine]]) -> Fleet[ContainerMachine]:
    """Two machines that have the images of ordinary actions and no package of ours, deployed."""
    made = make_fleet("first", "second", bare=True)
    for machine in made.machines:
        machine.load(["swift-test-python:latest", "swift-test-nodejs:latest"])
    began = time.monotonic()
    run = made.play("site.yml")
    assert run.code == 0, run.output
    print(f"site.yml on two machines: {time.monotonic() - began:.0f} s")
    return made


class Runs:
    """How often each value was run, as the actions themselves tell."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        counts = self.counts

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                counts[self.path.strip("/")] += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def runs(fleet: Fleet[ContainerMachine]) -> Iterator[Runs]:
    """The counter, where actions on the machines reach it."""
    counter = Runs()
    forwarder = Forwarder(fleet.machines[0].gateway, [counter.port])
    forwarder.open()
    yield counter
    forwarder.close()
    counter.server.shutdown()


class Load:
    """A steady load of blocking activations, each with a value of its own."""

    def __init__(self, client: Client, runs: Runs, threads: int = 3) -> None:
        self.answers: dict[str, Invocation] = {}
        self.failures: list[str] = []
        self._client = client
        self._counter = f"http://{qemu.HOST_ADDRESS}:{runs.port}"
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._invoke, args=(number,)) for number in range(threads)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _invoke(self, thread: int) -> None:
        number = 0
        while not self._stop.wait(0.5):
            value = f"{thread}-{number}"
            number += 1
            try:
                arguments = {"value": value, "counter": self._counter}
                self.answers[value] = self._client.invoke("counted", arguments)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a lost activation
                self.failures.append(f"{value}: {error}")


def test_an_upgrade_under_load_loses_nothing_and_runs_nothing_twice(
    fleet: Fleet[ContainerMachine], runs: Runs, tmp_path: Path
) -> None:
    client = Client(fleet.stack.api.url, fleet.stack.api.authorization)
    limits = {"timeout": 60000, "memory": 128}
    client.put_action("counted", "python:3-rdma", _ACTION, limits=limits, annotations={})
    before = [_release(fleet, place) for place in (0, 1)]
    began = time.monotonic()
    with Load(client, runs) as load:
        run = fleet.play("upgrade.yml", **_other_source(tmp_path, "second release"))
    assert run.code == 0, run.output
    assert [_release(fleet, place) for place in (0, 1)] != before
    assert fleet.states() == {"invoker0": "up", "invoker1": "up"}
    lost = [value for value, answer in load.answers.items() if not answer.success]
    assert not load.failures, load.failures
    assert not lost, [load.answers[value] for value in lost]
    assert load.answers
    assert {value: runs.counts[value] for value in load.answers} == dict.fromkeys(load.answers, 1)
    took = time.monotonic() - began
    print(f"rolling upgrade: {took:.0f} s, {len(load.answers)} activations, each once")


def test_a_host_that_dies_in_the_middle_is_upgraded_by_another_run(
    fleet: Fleet[ContainerMachine], tmp_path: Path
) -> None:
    first = fleet.machines[0]
    source = _other_source(tmp_path, "third release")
    before = [_release(fleet, place) for place in (0, 1)]
    output = tmp_path / "upgrade.log"
    upgrade = fleet.begin("upgrade.yml", output, **source)
    eventually(
        lambda: "Install the wheels" in output.read_text() or upgrade.poll() is not None,
        "the middle of the upgrade",
        _STATE_S,
    )
    first.kill()
    assert upgrade.wait(600) != 0, output.read_text()
    # The first failure ended it: the second host was not touched.
    assert _release(fleet, 1) == before[1], output.read_text()
    first.start()
    eventually(lambda: fleet.states().get("invoker0") == "up", "the first invoker", _STATE_S)
    assert _release(fleet, 0) == before[0]
    again = fleet.play("upgrade.yml", **source)
    assert again.code == 0, again.output
    assert fleet.states() == {"invoker0": "up", "invoker1": "up"}
    assert len({_release(fleet, place) for place in (0, 1)} - {*before}) == 1
    assert fleet.play("verify.yml").code == 0


def test_uninstalling_leaves_no_trace(fleet: Fleet[ContainerMachine]) -> None:
    run = fleet.play("uninstall.yml")
    assert run.code == 0, run.output
    for machine in fleet.machines:
        assert machine.run("docker", "ps", "--all", "--quiet") == ""
        assert "swift-runtime" not in machine.run("docker", "image", "ls")
        assert machine.run("sh", "-c", LEFT) == ""
    again = fleet.play("uninstall.yml")
    assert again.code == 0, again.output
    assert set(again.changed.values()) == {0}, again.changes()


def _other_source(directory: Path, text: str) -> dict[str, str]:
    """Variables that deploy another release: this source with one line more."""
    copy = directory / "source"
    copy.mkdir()
    for name in _SOURCES:
        origin = REPOSITORY / name
        if origin.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".build")
            shutil.copytree(origin, copy / name, ignore=ignored)
        else:
            shutil.copy(origin, copy / name)
    with (copy / "invoker_plugin" / "__init__.py").open("a") as file:
        file.write(f"# {text}\n")
    assert (copy / ANSIBLE.name / "wheelhouse.py").exists()
    return {
        "swift_invoker_source": str(copy),
        "swift_invoker_build_python": str(REPOSITORY / ".venv/bin/python"),
    }


def _release(fleet: Fleet[ContainerMachine], place: int) -> str:
    return fleet.machines[place].run("readlink", "/opt/swift-invoker/current")
