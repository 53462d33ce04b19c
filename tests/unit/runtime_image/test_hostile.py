"""User code that misbehaves: each case ends in the right answer, and the next activation works."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from swift_runtime.exits import TEXTS
from tests.unit.runtime_image.harness import Answer, Runtime, runtime, until

CODE = """
    import ctypes, os, signal, sys, threading, time

    class Nasty(Exception):
        def __str__(self): raise RuntimeError("gotcha")

    def main(args):
        print("begun", flush=True)
        what = args.get("do")
        if what == "raise": raise ValueError("boom")
        if what == "nasty": raise Nasty
        if what == "base": raise KeyboardInterrupt("stop")
        if what == "recurse": return main(args)
        if what == "exit": sys.exit(args["code"])
        if what == "_exit": os._exit(3)
        if what == "segfault": ctypes.string_at(0)
        if what == "abort": os.abort()
        if what == "kill": os.kill(os.getpid(), signal.SIGKILL)
        if what == "loop":
            open(args["gate"], "w").close()
            while True: pass
        if what == "hog":
            kept = []
            while True: kept.append(bytearray(os.urandom(1 << 20)))
        if what == "huge": return {"n": len(bytearray(1 << 62))}
        if what == "closed": os.closerange(3, 1024)
        if what == "parent": os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)
        if what == "fork":
            if os.fork() == 0: time.sleep(60)
        return args
"""


def _exit(reason: str, code: int | None = None, signal: int | None = None) -> dict[str, Any]:
    return {"reason": reason, "code": code, "signal": signal}


@pytest.fixture(scope="module")
def shared() -> Iterator[Runtime]:
    """One runtime for all cases: each must leave it well for the next."""
    with runtime() as swift:
        assert swift.init(CODE, worker_memory_mb=64, slots=3).status == 200
        assert swift.run("sibling").status == 200
        yield swift


@pytest.fixture
def hostile(shared: Runtime) -> Iterator[Runtime]:
    yield shared
    for name in shared.workers():
        if name != "sibling":
            shared.request("DELETE", f"/workers/{name}")


def _all_is_well(swift: Runtime) -> None:
    """The sibling lives, and a new worker is forked and runs."""
    assert swift.run("sibling", {"x": 1}, start="warm").json() == {"x": 1}
    assert swift.run("after", {"x": 2}).json() == {"x": 2}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"do": "raise"}, "An error has occurred: boom"),
        ({"do": "nasty"}, "An error has occurred: Nasty"),
        ({"do": "base"}, "An error has occurred: stop"),
        ({"do": "recurse"}, "An error has occurred: maximum recursion depth exceeded"),
        ({"do": "huge"}, "An error has occurred: "),
    ],
)
def test_an_exception_is_an_error_with_a_traceback(
    hostile: Runtime, arguments: dict[str, Any], text: str
) -> None:
    answer = hostile.run("w1", arguments, id="a")
    assert answer.status == 502
    assert answer.json()["error"].startswith(text)
    assert answer.swift["exit"] is None
    lines = [line["line"] for line in hostile.logs("a")]
    assert "Traceback (most recent call last):" in lines
    assert not any("swift_runtime" in line for line in lines)
    assert hostile.run("w1", start="warm").status == 200
    _all_is_well(hostile)


@pytest.mark.parametrize(
    ("arguments", "ending"),
    [
        ({"do": "_exit"}, _exit("exit", code=3)),
        ({"do": "exit", "code": 4}, _exit("exit", code=4)),
        ({"do": "exit", "code": None}, _exit("exit", code=0)),
        ({"do": "exit", "code": "so long"}, _exit("exit", code=1)),
        ({"do": "segfault"}, _exit("signal", signal=signal.SIGSEGV)),
        ({"do": "abort"}, _exit("signal", signal=signal.SIGABRT)),
        ({"do": "kill"}, _exit("signal", signal=signal.SIGKILL)),
        ({"do": "hog"}, _exit("memory", signal=signal.SIGKILL)),
    ],
)
def test_a_death_is_told_at_once(
    hostile: Runtime, arguments: dict[str, Any], ending: dict[str, Any]
) -> None:
    answer = hostile.run("w1", arguments, id="a")
    assert answer.status == 502
    assert answer.swift["exit"] == ending
    assert answer.json() == {"error": TEXTS[ending["reason"]]}
    lines = [line["line"] for line in hostile.logs("a")]
    assert lines[0] == "begun"
    if arguments.get("code") == "so long":
        assert "so long" in lines
    assert "w1" not in hostile.workers()
    _all_is_well(hostile)


def test_an_endless_loop_is_killed_by_delete(hostile: Runtime, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(hostile.run, "w1", {"do": "loop", "gate": str(gate)}, id="a")
        until(gate.exists, "the loop")
        ended = hostile.request("DELETE", "/workers/w1")
        answer: Answer = running.result()
    assert ended.json() == {"worker": "w1", "exit": _exit("killed", signal=9)}
    assert (answer.status, answer.swift["exit"]) == (502, _exit("killed", signal=9))
    assert [line["line"] for line in hostile.logs("a")] == ["begun"]
    _all_is_well(hostile)


def test_a_worker_that_closed_its_descriptors_leaves(hostile: Runtime) -> None:
    answer = hostile.run("w1", {"do": "closed"})
    assert (answer.status, answer.swift["exit"]["reason"]) == (502, "exit")
    _all_is_well(hostile)


def test_a_forked_grandchild_does_not_hold_up_the_answer(hostile: Runtime) -> None:
    assert hostile.run("w1", {"do": "fork"}).json() == {"do": "fork"}
    hostile.request("DELETE", "/workers/w1")
    _all_is_well(hostile)


def test_the_templates_death_fails_the_container_and_takes_the_workers(swift: Runtime) -> None:
    hostile = swift
    hostile.init(CODE)
    hostile.run("sibling")
    sibling = hostile.workers()["sibling"]["pid"]
    answer = hostile.run("w1", {"do": "parent"})
    assert (answer.status, answer.swift["exit"]["reason"]) == (502, "template")
    until(lambda: not os.path.exists(f"/proc/{sibling}"), "the sibling to die")
    state = hostile.state()
    assert (state["state"], state["forkable"], state["workers"]) == ("failed", False, [])
    assert "killed by signal 9" in state["reason"]
    after = hostile.run("w2")
    assert (after.status, after.json()["code"]) == (502, "template-failed")
    assert after.swift == {"exit": _exit("template")}


def test_a_stock_invoker_sees_a_death_as_a_closed_connection(swift: Runtime) -> None:
    assert swift.stock_init("import os\ndef main(args):\n    os._exit(3)").json() == {"ok": True}
    with pytest.raises(http.client.RemoteDisconnected):
        swift.request("POST", "/run", {"value": {}})
    assert swift.state()["state"] == "ready"
