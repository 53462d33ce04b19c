"""What an operator does with an invoker that runs: look at it, take it out of service, end it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.integration.controller.conftest import REPOSITORY
from tests.integration.deployment.conftest import DISABLED, RDMA_KIND, deployed
from tests.integration.deployment.running import (
    PASSWORD,
    USER,
    Deployment,
    started,
)
from tests.polling import eventually
from tests.prometheus import expressions, series, used, value

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]

ECHO = "def main(args): return args"
SLEEP = "import time\ndef main(args):\n  time.sleep(args['s'])\n  return args"
CONDITIONAL = {"swift_invoker_ping_stops_total"}
"""What is exported only once it happened: its labels are reasons."""


class Notify:
    """A service manager's socket, and all that it was told."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)
        self._told: list[str] = []

    def told(self) -> list[str]:
        """Every line so far."""
        while True:
            try:
                self._told += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self._told

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def notify(tmp_path: Path) -> Iterator[Notify]:
    made = Notify(tmp_path / "notify")
    yield made
    made.close()


@pytest.fixture
def own(
    kafka_hosts: str,
    store_settings: dict[str, Any],
    runtimes: str,
    tmp_path: Path,
    notify: Notify,
) -> Iterator[Deployment]:
    """A deployment that the test may end, under a service manager."""
    watched = {"NOTIFY_SOCKET": notify.address, "WATCHDOG_USEC": "30000000"}
    with deployed(kafka_hosts, store_settings, runtimes, tmp_path, **watched) as up:
        yield up


def test_every_metric_of_dashboard_and_alerts_is_exported_and_counts(
    deployment: Deployment,
) -> None:
    deployment.create("measured", ECHO, RDMA_KIND)
    starts = [started(deployment.invoke("measured", n=n)) for n in range(2)]
    assert starts[0] == "cold"
    status, text = deployment.invoker.ask("GET", "/metrics", login=False)
    assert status == 200
    found = series(text)
    wanted = {name for expression in expressions() for name, _ in used(expression)}
    assert wanted - found.keys() - CONDITIONAL == set()
    total = "swift_invoker_activations_total"
    assert value(text, total, start="cold", outcome="success") >= 1
    assert value(text, total, start=starts[1], outcome="success") >= 1
    assert value(text, "swift_invoker_phase_seconds_count", phase="end_to_end") >= 2
    assert 0.01 < value(text, "swift_invoker_phase_seconds_sum", phase="container") < 600
    assert value(text, "swift_invoker_docker_calls_total", operation="create", result="ok") >= 1
    assert value(text, "swift_invoker_kafka_delay_seconds_count") >= 2
    assert value(text, "swift_invoker_memory_limit_bytes") == 1024 * 1024 * 1024
    assert value(text, "swift_invoker_healthy") == 1
    assert value(text, "swift_invoker_phase", phase="up") == 1
    slots = [sum(number for _, number in found["swift_invoker_rdma_slots"])]
    assert slots[0] >= 1, "the template's places"
    assert value(text, "process_resident_memory_bytes") > 10_000_000

    def stored() -> bool:
        now = deployment.invoker.ask("GET", "/metrics", login=False)[1]
        return value(now, "swift_invoker_records_stored_total") >= 2

    eventually(stored, "the records' count")


def test_drain_by_command_finishes_what_runs_and_shows_it(
    own: Deployment, notify: Notify, runtimes: str
) -> None:
    eventually(lambda: "READY=1" in notify.told(), "that it is ready")
    eventually(lambda: "WATCHDOG=1" in notify.told(), "a sign of life")
    own.create("sleeping", SLEEP)
    running = own.begin("sleeping", s=8)
    eventually(lambda: own.invoker.state()["in_flight"] == 1, "the activation")
    command = subprocess.Popen(
        [sys.executable, "-m", "invoker_plugin.cli.main", "drain", "--id", "0"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        env=_settings(own),
        text=True,
    )
    eventually(lambda: own.invoker.state()["drain"], "the drain")
    state = own.invoker.state()
    assert (state["phase"], state["drain"]["step"]) == ("draining", "finishing")
    assert state["drain"]["asked_by"] == "POST /drain"
    assert 0 < state["drain"]["left_ms"] <= 60_000
    assert own.invoker.ask("POST", "/enable")[0] == 409
    own.controller.await_state("down")
    printed, _ = command.communicate(timeout=120)
    assert command.returncode == 0, printed
    assert own.invoker.process.wait(60) == 0
    assert own.record(running)["response"]["result"] == {"s": 8}
    assert "finishing: 1 in flight" in printed
    told = notify.told()
    assert "STOPPING=1" in told
    assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in told)
    assert _containers(own, runtimes) == []


def test_second_signal_ends_the_wait_and_the_caller_is_told(own: Deployment, runtimes: str) -> None:
    own.create("sleeping", SLEEP)
    running = own.begin("sleeping", s=55)
    eventually(lambda: own.invoker.state()["in_flight"] == 1, "the activation")
    eventually(lambda: own.invoker.lines("activation-started")[-1:], "its start")
    own.invoker.process.terminate()
    eventually(lambda: own.invoker.state()["drain"], "the drain")
    own.invoker.process.terminate()
    assert own.invoker.process.wait(120) == 3
    record = own.record(running)
    assert record["response"]["status"] == "whisk internal error"
    assert "shut down" in record["response"]["result"]["error"]
    assert _containers(own, runtimes) == []


def test_disabled_it_is_down_at_once_and_keeps_that_for_a_restart(deployment: Deployment) -> None:
    invoker = deployment.invoker
    kept = invoker.folder / DISABLED
    status, text = invoker.ask("POST", "/disable")
    assert (status, text.endswith(" is now disabled.")) == (200, True)
    deployment.controller.await_state("down")
    assert kept.exists(), "tests/unit/health/test_maintenance.py: what a start makes of it"
    assert invoker.ask("GET", "/isEnabled") == (200, '{"enabled": false}')
    invoker.ask("POST", "/enable")
    assert not kept.exists()
    deployment.controller.await_state("up", 60)


def _settings(own: Deployment) -> dict[str, str]:
    """What the command needs to find the invoker: the settings that it was started with."""
    process = Path(f"/proc/{own.invoker.process.pid}/environ").read_bytes()
    given = dict(item.split("=", 1) for item in process.decode().split("\0") if item)
    assert (given["CONFIG_whisk_invoker_username"], given["CONFIG_whisk_invoker_password"]) == (
        USER,
        PASSWORD,
    )
    return {**given, "PORT": str(own.invoker.port)}


def _containers(own: Deployment, engine: str) -> list[Any]:
    client = docker.DockerClient(base_url=engine, version="auto")
    prefix = f"wsk{own.invoker.unique_name}0_"
    return list(client.containers.list(all=True, filters={"name": prefix}))
