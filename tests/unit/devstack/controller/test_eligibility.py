"""Who may run what needs RDMA: as Placement.scala of patches/openwhisk has it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from devstack.controller.eligibility import eligible, nobody
from devstack.controller.pings import Ping
from tests.unit.devstack.controller import fakes

PLAIN = Ping(0, None, None, 1024, (), True)
ABLE = Ping(1, None, None, 1024, ("gpu", "rdma"), True)
RDMA_MANIFEST = {
    "runtimes": {
        **fakes.MANIFEST["runtimes"],
        "python": [
            *fakes.MANIFEST["runtimes"]["python"],
            {"kind": "python:3-rdma", "image": {"name": "swift-runtime"}},
        ],
    }
}


def _action(kind: str, **annotations: Any) -> dict[str, Any]:
    listed = [{"key": key, "value": value} for key, value in annotations.items()]
    return {"exec": {"kind": kind}, "annotations": listed}


@pytest.mark.parametrize(
    "action",
    [
        _action("python:3-rdma"),
        _action("python:3-rdma", rdma=False),
        _action("blackbox", rdma=True),
    ],
)
def test_what_needs_rdma_goes_where_it_is(action: dict[str, Any]) -> None:
    assert eligible(action, [PLAIN, ABLE]) == [ABLE]
    assert "needs RDMA, and none that is up announces it" in nobody(action, [PLAIN])
    assert "none is up" in nobody(action, [])


@pytest.mark.parametrize(
    "action",
    [_action("python:3"), _action("blackbox", rdma=False), _action("python:3", rdma="yes")],
)
def test_all_else_goes_anywhere(action: dict[str, Any]) -> None:
    assert eligible(action, [PLAIN, ABLE]) == [PLAIN, ABLE]
    assert "none is up" in nobody(action, [])


async def _mixed() -> None:
    async with fakes.controller(runtimes=RDMA_MANIFEST) as running:
        running.invoker_up()
        body = {"exec": {"kind": "python:3-rdma", "code": "def main(a): return a"}}
        status, answer = await running.ask("PUT", "actions/a", body)
        assert status == 200, answer
        status, answer = await running.ask("POST", "actions/a", {})
        assert status == 503
        assert "needs RDMA" in answer["error"]
        assert running.bus.activations() == []
        name = {**fakes.PING["name"], "instance": 1, "tags": ["rdma"]}
        running.bus.receive("health", {**fakes.PING, "name": name})
        completion = fakes.completion("0" * 32, "sid_invokerHealth")
        running.bus.receive("completed0", {**completion, "instance": name})
        status, answer = await running.ask("POST", "actions/a", {})
        assert status == 202, answer
        assert running.bus.sent[-1][0] == "invoker1"
        assert len(running.bus.activations()) == 1


def test_a_mixed_fleet_through_the_api() -> None:
    asyncio.run(_mixed())
