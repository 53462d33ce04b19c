from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.errors import DevstackError
from devstack.machine.qmp import MachineControl

Answer = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Answer], Path]]:
    """Starts a QEMU that answers as told; gives its control socket."""
    listener = socket.socket(socket.AF_UNIX)
    threads: list[threading.Thread] = []

    def start(answer: Answer) -> Path:
        path = tmp_path / "control.sock"
        listener.bind(str(path))
        listener.listen(1)
        threads.append(threading.Thread(target=_serve, args=(listener, answer)))
        threads[0].start()
        return path

    yield start
    for thread in threads:
        thread.join()
    listener.close()


def _serve(listener: socket.socket, answer: Answer) -> None:
    connection, _ = listener.accept()
    with connection, connection.makefile("rw") as stream:
        _write(stream, {"QMP": {}})
        for line in stream:
            command = json.loads(line)["execute"]
            if command == "quit":
                return
            for message in [{"return": {}}] if command == "qmp_capabilities" else answer(command):
                _write(stream, message)


def _write(stream: Any, message: dict[str, Any]) -> None:
    stream.write(json.dumps(message) + "\n")
    stream.flush()


def test_events_are_passed_over(serve: Callable[[Answer], Path]) -> None:
    path = serve(lambda command: [{"event": "STOP"}, {"return": command}])
    with MachineControl(path) as control:
        assert control.execute("stop") == "stop"


def test_a_refusal_carries_qemus_reason(serve: Callable[[Answer], Path]) -> None:
    path = serve(lambda command: [{"error": {"desc": "no such thing"}}])
    with (
        MachineControl(path) as control,
        pytest.raises(DevstackError, match="QEMU refused migrate: no such thing"),
    ):
        control.execute("migrate")


def test_a_migration_is_waited_for(serve: Callable[[Answer], Path]) -> None:
    states = iter(["setup", "active", "completed"])
    path = serve(lambda command: [{"return": {"status": next(states)}}])
    with MachineControl(path) as control:
        control.await_migration(deadline_s=10)
    assert next(states, None) is None


def test_a_failed_migration_is_an_error(serve: Callable[[Answer], Path]) -> None:
    path = serve(lambda command: [{"return": {"status": "failed"}}])
    with MachineControl(path) as control, pytest.raises(DevstackError, match="failed"):
        control.await_migration(deadline_s=10)


def test_an_end_of_qemu_is_an_error(serve: Callable[[Answer], Path]) -> None:
    path = serve(lambda command: [])
    with MachineControl(path) as control, pytest.raises(DevstackError, match="closed its control"):
        control.execute("quit")
