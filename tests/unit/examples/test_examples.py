"""The examples do what they say; RDMA ones against a peer in memory."""

from __future__ import annotations

import hashlib
import json
import runpy
import sys
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import pytest

from devstack.demo import expected_checksum

EXAMPLES = Path(__file__).parents[3] / "examples"


class Memory:
    """As ``swift_rdma.connect`` gives it: another's memory, a region for each connection."""

    def __init__(self, _peer: str) -> None:
        self.bytes = bytearray(1 << 20)

    def write(self, data: bytes, offset: int = 0) -> None:
        self.bytes[offset : offset + len(data)] = data

    def read(self, length: int, offset: int = 0) -> bytes:
        return bytes(self.bytes[offset : offset + length])

    def __enter__(self) -> Memory:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return


@pytest.fixture(autouse=True)
def rdma(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("swift_rdma")
    module.connect = Memory
    monkeypatch.setitem(sys.modules, "swift_rdma", module)


def _run(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = runpy.run_path(str(EXAMPLES / name))["main"](arguments)
    json.dumps(result)
    return result


def test_hello_in_python() -> None:
    assert _run("hello.py", {"name": "Ada"}) == {"greeting": "Hello, Ada!"}
    assert _run("hello.py", {}) == {"greeting": "Hello, stranger!"}


def test_rdma_echo() -> None:
    result = _run("rdma_echo.py", {"peer": "h:1", "text": "grüß"})
    data = "grüß".encode()
    digest = hashlib.sha256(data).hexdigest()
    assert result == {"text": "grüß", "bytes": len(data), "sha256": digest}


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 65536])
def test_rdma_roundtrip_has_the_digest_that_the_demo_expects(length: int) -> None:
    result = _run("rdma_roundtrip.py", {"peer": "h:1", "seed": 7, "bytes": length})
    assert result == {"sha256": expected_checksum(7, length), "bytes": length, "seed": 7}
