"""The demo's own judgement of what comes back."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from devstack import demo
from devstack.client import Invocation
from devstack.demo import Outcome, expected_checksum


def _example() -> ModuleType:
    """The demo's action, without the RDMA module that it imports."""
    specification = importlib.util.spec_from_file_location("rdma_roundtrip", demo.SOURCE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("length", [0, 1, 32, 33, 65536])
def test_the_checksum_is_that_of_the_actions_payload(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "swift_rdma", ModuleType("swift_rdma"))
    payload = _example().payload(7, length)
    assert len(payload) == length
    assert expected_checksum(7, length) == hashlib.sha256(payload).hexdigest()


def test_the_checksum_is_as_documented() -> None:
    blocks = hashlib.sha256(b"7:0").digest() + hashlib.sha256(b"7:1").digest()
    assert expected_checksum(7, 40) == hashlib.sha256(blocks[:40]).hexdigest()


def _outcome(result: Any, success: bool = True) -> Outcome:
    return Outcome("warm", 7, Invocation("abc", success, result))


def test_the_right_checksum_is_no_fault() -> None:
    assert _outcome({"sha256": expected_checksum(7, demo.PAYLOAD_BYTES)}).fault() is None


@pytest.mark.parametrize("result", [{"sha256": expected_checksum(8, 65536)}, {}])
def test_a_wrong_checksum_names_the_activation(result: dict[str, Any]) -> None:
    fault = _outcome(result).fault()
    assert fault is not None
    assert "warm activation abc: checksum" in fault


def test_a_failed_activation_is_a_fault_whatever_it_answers() -> None:
    right = {"sha256": expected_checksum(7, demo.PAYLOAD_BYTES)}
    assert "failed" in (_outcome(right, success=False).fault() or "")


class _Client:
    """Answers every invocation; ``wrong`` says for which one not as it should."""

    def __init__(self, wrong: int | None = None) -> None:
        self.created: list[str] = []
        self.calls: list[Mapping[str, Any]] = []
        self._wrong = wrong

    def put_action(self, name: str, kind: str, code: str, **_: Any) -> None:
        self.created.append(f"{name} {kind}")

    def invoke(self, name: str, arguments: Mapping[str, Any]) -> Invocation:
        self.calls.append(arguments)
        seed = arguments["seed"] + (len(self.calls) == self._wrong)
        return Invocation("id", True, {"sha256": expected_checksum(seed, arguments["bytes"])})


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the demo says; its table is not read back from anywhere."""
    lines: list[str] = []
    monkeypatch.setattr(demo, "_print_table", lambda outcomes, properties: None)
    return lines


def test_it_invokes_cold_warm_and_a_burst(said: list[str]) -> None:
    client = _Client()
    demo.run_demo(client, "10.0.0.1:7471", Path("wskprops"), said.append)  # type: ignore[arg-type]
    assert client.created == ["rdma-demo python:3-rdma"]
    assert len(client.calls) == 1 + 1 + demo.BURST
    assert {(call["bytes"], call["peer"]) for call in client.calls} == {(65536, "10.0.0.1:7471")}
    assert "18 checksums computed independently: all match" in said[-1]


@pytest.mark.parametrize("wrong", [1, 2, 18])
def test_one_wrong_checksum_fails_the_command(said: list[str], wrong: int) -> None:
    with pytest.raises(demo.DevstackError, match="checksum"):
        demo.run_demo(_Client(wrong), "p", Path("x"), said.append)  # type: ignore[arg-type]
