"""Steps: order, times, failures, interruption."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from devstack.paths import REPOSITORY
from devstack.steps import Step, run_steps


def test_runs_in_order_and_shows_each_with_its_time() -> None:
    done: list[str] = []

    def work(name: str) -> str:
        done.append(name)
        return f"made {name}"

    out = io.StringIO()
    steps = [
        Step("jars", lambda: work("jars")),
        Step("broker", lambda: work("broker"), after=("jars",)),
    ]
    assert run_steps(steps, out) >= 0
    assert done == ["jars", "broker"]
    for name in done:
        assert re.search(rf"ok  {name} +\d+\.\d s  made {name}\n", out.getvalue())


def test_steps_that_do_not_wait_for_each_other_run_side_by_side() -> None:
    meeting = threading.Barrier(2, timeout=20)

    def meet() -> str:
        meeting.wait()  # breaks when the other does not run at the same time
        return "met"

    run_steps([Step("one", meet), Step("two", meet)], io.StringIO())


def test_a_failure_is_raised_and_stops_what_comes_after() -> None:
    out = io.StringIO()
    done: list[str] = []

    def fail() -> str:
        raise ValueError("broken")

    def after() -> str:
        done.append("after")
        return ""

    with pytest.raises(ValueError, match="broken"):
        run_steps([Step("first", fail), Step("second", after, ("first",))], out)
    assert done == []
    assert re.search(r"fail  first +\d+\.\d s", out.getvalue())


def test_an_order_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'b'.*'a'"):
        run_steps([Step("b", str, after=("a",)), Step("a", str)], io.StringIO())


def test_ctrl_c_ends_the_commands_and_says_how_to_go_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"""
import sys
from pathlib import Path
from devstack import commands
from devstack.steps import Step, run_steps
work = "print('begun', flush=True); import time; time.sleep(600)"
def run():
    commands.run([sys.executable, "-c", work], Path({str(log)!r}), what="x")
run_steps([Step("long", run)])
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert "long" in child.stdout.readline()
    _until_written(log, "begun")
    os.kill(child.pid, signal.SIGINT)
    said, _ = child.communicate(timeout=30)
    assert "interrupted during: long; run the same command again to go on" in said
    assert child.returncode != 0


def _until_written(log: Path, word: str) -> None:
    done = threading.Event()
    for _ in range(600):
        if log.exists() and word in log.read_text():
            return
        done.wait(0.05)
    pytest.fail(f"{word!r} was not written within 30 s")
