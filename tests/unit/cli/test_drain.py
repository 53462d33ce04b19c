"""``swift-invoker drain`` against a server that answers as an invoker's does."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from invoker_plugin.cli import drain as module
from invoker_plugin.cli.main import main
from invoker_plugin.health.pinger import Pinger
from invoker_plugin.invoker.drain import Drain
from invoker_plugin.server.admin import AdminServer
from tests.unit.cli.test_assembly import settings_of
from tests.unit.server.test_admin import INSTANCE, Sent


class Ending:
    """An admin server in a thread of its own, that goes after some looks at its state."""

    def __init__(self, looks: int, given_up: int) -> None:
        self.drain = Drain(60)
        self.drain.given_up = given_up
        self.port = 0
        self._looks = looks
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Ending:
        self._thread.start()
        assert self._up.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    async def _serve(self) -> None:
        self._over, self._loop = asyncio.Event(), asyncio.get_running_loop()
        pinger = Pinger(Sent(), "health", INSTANCE, [])
        server = AdminServer(pinger, self.drain, "invoker.user", "secret", self._state)
        await server.start("127.0.0.1", 0)
        self.port = server.port
        self._up.set()
        await self._over.wait()
        await server.stop()

    def _state(self) -> dict[str, Any]:
        self._looks -= 1
        if self._looks <= 0:
            self._over.set()
        return {
            "in_flight": self._looks,
            "admitting": 0,
            "containers": [{}],
            "records": {"queued": 0},
            "drain": self.drain.told(),
        }


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings that the command finds."""
    environment = {"CONFIG_whisk_invoker_password": "secret"}
    monkeypatch.setattr(module, "load", lambda *_: settings_of(**environment))
    monkeypatch.setattr(module, "PERIOD_S", 0.01)
    return environment


def _run(told: dict[str, str], *arguments: str, looks: int = 3, given_up: int = 0) -> int:
    with Ending(looks, given_up) as invoker:
        told["PORT"] = str(invoker.port)
        code = main(["drain", *arguments])
        assert invoker.drain.asked_by == "POST /drain"
        if "--limit-s" in arguments:
            assert 50 < invoker.drain.left_s <= 300
        return code


def test_it_waits_and_tells_each_step(
    told: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(told, "--limit-s", "300") == 0
    assert capsys.readouterr().out.splitlines() == [
        "invoker0/invoker0 is now draining.",
        "none: 2 in flight, 1 containers, 0 records to store",
        "none: 1 in flight, 1 containers, 0 records to store",
        "none: 0 in flight, 1 containers, 0 records to store",
    ]


def test_activations_that_were_given_up_are_a_code_of_their_own(told: dict[str, str]) -> None:
    assert _run(told, given_up=2) == 3


def test_it_need_not_wait(told: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(told, "--no-wait", looks=1000, given_up=2) == 0
    assert capsys.readouterr().out == "invoker0/invoker0 is now draining.\n"


def test_nobody_there_and_a_wrong_password_are_one_line(
    told: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with Ending(1000, 0) as invoker:
        port = told["PORT"] = str(invoker.port)
        told["CONFIG_whisk_invoker_password"] = "wrong"
        assert main(["drain"]) == 1
        assert ": 401: " in capsys.readouterr().err
    assert main(["drain"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"swift-invoker: no invoker answers at http://127.0.0.1:{port}: ")
    del told["CONFIG_whisk_invoker_password"]
    assert main(["drain"]) == 78
