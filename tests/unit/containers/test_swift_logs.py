"""Logs from a runtime that keeps activations apart."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from invoker_plugin.containers import swift_logs
from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.http_client import ContainerClient
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.wire import texts
from tests.unit.containers.servers import Handler, always, answer, serving

TIME = "2026-11-22T15:45:25.594167422Z"
ID = "4d78e49e6cbc4baab8e49e6cbcebaae6"


def entry(line: str, stream: str = "stdout") -> bytes:
    return json.dumps({"time": TIME, "stream": stream, "line": line}).encode() + b"\n"


def fetch(
    tmp_path: Path, handler: Handler, limit: int = 1 << 20, run: HttpOutcome | None = None
) -> LogCollection | None:
    async def flow() -> LogCollection | None:
        async with serving(handler, tmp_path / "s.sock") as address:
            client = ContainerClient(address, 1 << 20, 1 << 20)
            return await swift_logs.collect(client, ID, limit, run)

    return asyncio.run(flow())


def ran(**header: Any) -> HttpOutcome:
    return HttpOutcome(0, 1, 200, swift={"worker": "w1", **header})


def test_lines_come_in_the_stock_form(tmp_path: Path) -> None:
    body = entry("before") + entry("  oops", "stderr")
    assert fetch(tmp_path, always(answer(body))) == LogCollection(
        (f"{TIME} stdout: before", f"{TIME} stderr:   oops")
    )


def test_no_request_is_made_where_there_are_none(tmp_path: Path) -> None:
    asked: list[int] = []

    async def handler(reader: object, writer: object) -> None:
        asked.append(1)

    logs = fetch(tmp_path, handler, run=ran(log_lines=0, log_truncated=False))  # type: ignore[arg-type]
    assert logs == LogCollection()
    assert not asked


def test_none_known(tmp_path: Path) -> None:
    assert fetch(tmp_path, always(answer(b"{}", "404 Not Found"))) is None


def test_runtimes_own_truncation_keeps_the_container(tmp_path: Path) -> None:
    logs = fetch(
        tmp_path, always(answer(entry("x"))), 1048576, ran(log_lines=1, log_truncated=True)
    )
    assert logs is not None
    assert logs.lines[-1].endswith(f"stderr: {texts.logs_truncated(1048576)}")
    assert logs.truncated
    assert logs.complete


def test_log_over_the_limit_is_cut_at_a_whole_line(tmp_path: Path) -> None:
    logs = fetch(tmp_path, always(answer(entry("x") * 1000)), limit=len(entry("x")) * 3 + 5)
    assert logs is not None
    assert logs.lines[:-1] == (f"{TIME} stdout: x",) * 3
    assert logs.truncated
    assert logs.complete


def test_broken_answer_is_a_failed_collection(tmp_path: Path) -> None:
    for body in (b"nonsense\n", b'{"time": 1}\n', entry("x") + b'{"half'):
        logs = fetch(tmp_path, always(answer(body)))
        assert logs is not None
        assert not logs.complete
        assert logs.lines[-1].endswith(texts.LOG_FAILURE)


def test_dead_container_is_a_failed_collection(tmp_path: Path) -> None:
    async def handler(reader: object, writer: object) -> None:
        return

    logs = fetch(tmp_path, handler)  # type: ignore[arg-type]
    assert logs is not None
    assert not logs.complete
