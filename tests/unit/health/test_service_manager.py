"""systemd's notify protocol, on a socket as systemd's."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from invoker_plugin.health.heartbeat import Heartbeat
from invoker_plugin.health.service_manager import ServiceManager


class Notified:
    """A service manager's end of the protocol."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(0.0)

    def read(self) -> list[list[str]]:
        """All that was told since, a list of lines for each datagram."""
        told = []
        while True:
            try:
                told.append(self._socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return told

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[Notified]:
    made = Notified(tmp_path / "notify")
    yield made
    made.close()


def test_ready_status_and_stopping_are_told_as_systemd_reads_them(notified: Notified) -> None:
    manager = ServiceManager.of({"NOTIFY_SOCKET": notified.address})
    manager.ready("up")
    manager.status("2 in flight")
    manager.stopping("draining", 61.5)
    manager.alive()
    assert notified.read() == [
        ["READY=1", "STATUS=up"],
        ["STATUS=2 in flight"],
        ["STOPPING=1", "STATUS=draining", "EXTEND_TIMEOUT_USEC=61500000"],
    ], "and no sign of life, since no watchdog was asked for"


def test_abstract_socket_is_reached() -> None:
    name = f"swift-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind("\0" + name)
        end.settimeout(5)
        ServiceManager.of({"NOTIFY_SOCKET": f"@{name}"}).status("up")
        assert end.recv(100) == b"STATUS=up"


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "30000000"}, 30.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"}, None),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000"}, None),
    ],
)
def test_watchdog_is_ours_only(environment: dict[str, str], watchdog_s: float | None) -> None:
    assert ServiceManager.of(environment).watchdog_s == watchdog_s


def test_without_a_manager_or_with_a_dead_one_nothing_happens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ServiceManager.of({}).ready("up")
    assert caplog.records == []
    gone = ServiceManager.of({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    gone.ready("up")
    gone.status("still up")
    assert [r.getMessage() for r in caplog.records] == ["service-manager-unreachable"]


class Part:
    """What a heartbeat asks of an invoker."""

    def __init__(self, notified: Notified) -> None:
        self.consumes = False
        self.stuck: str | None = None
        self.status = "starting"
        manager = ServiceManager(notified.address, watchdog_s=10)
        self.heart = Heartbeat(
            manager, lambda: self.consumes, lambda: self.stuck, lambda: self.status
        )


def test_it_is_ready_once_and_only_when_it_consumes(notified: Notified) -> None:
    part = Part(notified)
    part.heart.beat()
    assert notified.read() == [["STATUS=starting"], ["WATCHDOG=1"]]
    part.consumes, part.status = True, "up"
    part.heart.beat()
    part.heart.beat()
    assert notified.read() == [["READY=1", "STATUS=up"], ["WATCHDOG=1"], ["WATCHDOG=1"]]
    part.consumes, part.status = False, "no pings: the consumer has no connection to Kafka"
    part.heart.beat()
    assert notified.read() == [[f"STATUS={part.status}"], ["WATCHDOG=1"]], (
        "while Kafka is away a restart would not help"
    )


def test_a_part_that_hangs_costs_the_sign_of_life(
    notified: Notified, caplog: pytest.LogCaptureFixture
) -> None:
    part = Part(notified)
    part.heart.beat()
    notified.read()
    part.stuck = "the consumer's poll does not return"
    part.heart.beat()
    assert notified.read() == []
    assert [r.getMessage() for r in caplog.records] == ["watchdog-withheld"]
    part.stuck = None
    part.heart.beat()
    assert notified.read() == [["WATCHDOG=1"]]
