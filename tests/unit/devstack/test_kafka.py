"""Kafka's configuration and readiness, without Kafka."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.kafka import probe
from devstack.kafka.configuration import Listeners, properties


def test_each_listener_advertises_the_address_its_clients_use() -> None:
    text = properties(Listeners(1001, 1002, 1003, "10.0.2.2"), Path("/data"))
    lines = dict(line.split("=", 1) for line in text.splitlines())
    assert lines["advertised.listeners"] == "HOST://127.0.0.1:1001,MACHINE://10.0.2.2:1002"
    assert set(lines["listeners"].split(",")) == {
        "HOST://127.0.0.1:1001",
        "MACHINE://127.0.0.1:1002",
        "CONTROLLER://127.0.0.1:1003",
    }
    assert lines["auto.create.topics.enable"] == "false"
    assert lines["log.dirs"] == "/data"


@contextmanager
def _broker(answer: bytes) -> Iterator[int]:
    """Answers one request with ``answer``."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(("brokers", "serves"), [(1, True), (0, False)])
def test_a_broker_serves_once_it_lists_itself(brokers: int, serves: bool) -> None:
    body = struct.pack(">ii", 7, brokers) + b"rest"
    with _broker(struct.pack(">i", len(body)) + body) as port:
        assert probe.serves("127.0.0.1", port) is serves


def test_a_connection_that_closes_is_an_error() -> None:
    with _broker(b"\0\0") as port, pytest.raises(ConnectionError):
        probe.serves("127.0.0.1", port)
