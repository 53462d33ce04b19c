"""docs/runtime-protocol.md against both who speak it: its examples are what they say and take.

An example is a code block with a name after ``json``. The real runtime is run here, as processes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from invoker_plugin.containers.log_line import LogLine
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.invoker import answer, bodies
from invoker_plugin.invoker.activation import StartReport
from swift_runtime import requests
from tests.unit.runtime_image.harness import Runtime, runtime, until

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "runtime-protocol.md"
EXAMPLES: dict[str, Any] = {
    name: json.loads(text)
    for name, text in re.findall(r"^```json (\S+)\n(.*?)^```", DOCUMENT.read_text(), re.M | re.S)
}


def like(actual: Any, example: Any) -> None:
    """Fail unless ``actual`` has the keys and types of ``example``, recursively."""
    if isinstance(example, dict):
        assert isinstance(actual, dict)
        assert list(actual) == list(example) or set(actual) == set(example)
        for name, content in example.items():
            like(actual[name], content)
    elif isinstance(example, list):
        assert isinstance(actual, list)
        for one, other in zip(actual, example, strict=False):
            like(one, other)
    elif actual is not None and example is not None:
        numbers = (int, float)
        assert type(actual) is type(example) or (
            type(actual) in numbers and type(example) in numbers
        ), (actual, example)


@pytest.fixture(scope="module")
def swift() -> Iterator[Runtime]:
    """Initialised by the document's own request."""
    with runtime() as started:
        answered = started.request("POST", "/init", EXAMPLES["init-request"])
        assert answered.status == 200, answered
        like(answered.json(), EXAMPLES["init-response"])
        like(answered.swift, EXAMPLES["init-header"])
        yield started


def test_every_example_is_used() -> None:
    assert set(EXAMPLES) == {
        "init-request", "init-response", "init-header", "run-request", "conflict", "run-header",
        "exit", "template-failed", "killed", "state", "log-line",
    }  # fmt: skip


def test_a_life_in_the_documents_words(swift: Runtime) -> None:
    request = EXAMPLES["run-request"]
    answered = swift.request("POST", "/run", request)
    assert (answered.status, answered.json()) == (200, request["value"])
    like(answered.swift, EXAMPLES["run-header"])
    assert answered.swift["log_lines"] == EXAMPLES["run-header"]["log_lines"]
    assert answered.swift["log_bytes"] == EXAMPLES["run-header"]["log_bytes"]
    state = swift.state()
    like(state, EXAMPLES["state"])
    assert len(state["workers"]) == 1
    until(lambda: swift.state()["spares"], "a spare")
    like(swift.state(), EXAMPLES["state"])
    logs = swift.logs(request["activation_id"])
    like(logs[0], EXAMPLES["log-line"])
    assert [line["line"] for line in logs] == [EXAMPLES["log-line"]["line"]]
    unknown = {**request["swift"], "worker": "w9", "start": "warm"}
    conflict = swift.request("POST", "/run", {**request, "swift": unknown})
    assert (conflict.status, conflict.json()) == (409, EXAMPLES["conflict"])
    killed = swift.request("DELETE", "/workers/w7")
    assert killed.json() == EXAMPLES["killed"]


def test_endings_in_the_documents_words() -> None:
    code = (
        "import os, signal\n"
        "def main(args):\n"
        "    if args: os._exit(3)\n"
        "    os.kill(os.getppid(), signal.SIGKILL)\n"
        "    signal.pause()\n"
    )
    with runtime() as started:
        started.init(code)
        assert started.run("w1", {"x": 1}).swift["exit"] == EXAMPLES["exit"]
        started.run("w2")
        gone = started.run("w3")
    assert (gone.status, gone.json()) == (502, EXAMPLES["template-failed"])
    assert gone.swift["exit"]["reason"] == "template"


def test_the_runtime_reads_the_requests_as_the_document_says() -> None:
    _, options = requests.parse_init(EXAMPLES["init-request"])
    swift = EXAMPLES["init-request"]["swift"]
    assert (options.slots, options.worker_memory_mb) == (swift["slots"], swift["worker_memory_mb"])
    assert options.spares == swift["spares"]
    assert (options.log_limit_bytes, options.rdma) == (swift["log_limit_bytes"], swift["rdma"])
    run = requests.parse_run(EXAMPLES["run-request"], 0)
    assert run is not None
    assert vars(run) == EXAMPLES["run-request"]["swift"]


def test_the_invoker_sends_what_the_document_says() -> None:
    limits = SimpleNamespace(memory_mb=256, timeout_ms=60000)
    action = SimpleNamespace(limits=limits, annotations={})
    activation = cast(Any, SimpleNamespace(action=action, log_limit_bytes=10485760, spares=1))
    assert bodies.init_swift(activation, 16) == EXAMPLES["init-request"]["swift"]
    assert bodies.run_swift(activation, "w7", fork=True) == EXAMPLES["run-request"]["swift"]


def test_the_invoker_understands_what_the_document_says() -> None:
    report = StartReport("fork", "")
    report.take(EXAMPLES["run-header"])
    assert (report.fork_ms, report.run_ms, report.slot) == (4.1, 9.2, 0)
    dead = {**EXAMPLES["run-header"], "exit": EXAMPLES["exit"]}
    assert answer.died(_outcome(dead))
    assert not answer.died(_outcome(EXAMPLES["run-header"]))
    memory = {"exit": {"reason": "memory", "code": None, "signal": 9}}
    assert answer.worker_out_of_memory(_outcome(memory))
    gone = {"exit": {"reason": "template", "code": None, "signal": None}}
    assert answer.template_lost(_outcome(gone))
    line = EXAMPLES["log-line"]
    text = LogLine(line["time"], line["stream"], line["line"]).formatted()
    assert text == "2026-11-22T15:45:25.594167422Z stdout: before"


def _outcome(header: dict[str, Any]) -> HttpOutcome:
    return HttpOutcome(0, 1, 502, b"{}", 2, failure=None, swift=header)
