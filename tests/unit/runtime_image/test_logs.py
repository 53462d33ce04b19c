"""Logs kept apart by activation, bounded, timed."""

from __future__ import annotations

import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from swift_runtime.logs import ActivationLog, LogBook, timestamp
from tests.unit.runtime_image.harness import Runtime, until

CODE = """
    import sys
    print("at import")
    def main(args):
        for number in range(args.get("lines", 1)):
            print(args.get("text", "line"), number)
        print("end", file=sys.stderr)
        return {}
"""


def test_import_and_run_of_one_activation_are_one_log(swift: Runtime) -> None:
    counted = swift.init(CODE, env={"__OW_ACTIVATION_ID": "a"}).swift
    assert counted == {"log_lines": 1, "log_bytes": 10, "log_truncated": False}
    assert swift.run("w1", id="a").swift["log_lines"] == 3
    assert [(line["stream"], line["line"]) for line in swift.logs("a")] == [
        ("stdout", "at import"), ("stdout", "line 0"), ("stderr", "end"),
    ]  # fmt: skip
    assert swift.request("GET", "/activations/a/logs").status == 404
    assert swift.output() == ""


def test_lines_are_timed_and_in_order(swift: Runtime) -> None:
    swift.init(CODE)
    swift.run("w1", {"lines": 200}, id="a")
    times = [line["time"] for line in swift.logs("a")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", time) for time in times)
    assert all(one <= other for one, other in pairwise(times))


def test_concurrent_workers_logs_are_apart(swift: Runtime) -> None:
    swift.init(CODE)
    with ThreadPoolExecutor() as pool:
        answers = pool.map(
            lambda n: swift.run(f"w{n}", {"lines": 500, "text": f"of {n}"}, id=f"a{n}"), range(4)
        )
        assert [answer.swift["log_lines"] for answer in answers] == [501] * 4
    for number in range(4):
        lines = [line["line"] for line in swift.logs(f"a{number}")]
        assert [line for line in lines if line != "end"] == [f"of {number} {i}" for i in range(500)]


def test_ten_megabytes_are_kept_whole(swift: Runtime) -> None:
    swift.init(CODE)
    answer = swift.run("w1", {"lines": 10_000, "text": "x" * 1000}, id="a")
    assert answer.status == 200
    assert answer.swift["log_truncated"] is False
    assert len(swift.logs("a")) == 10_001


def test_the_limit_cuts_and_says_so(swift: Runtime) -> None:
    swift.init(CODE)
    answer = swift.run("w1", {"lines": 10_000, "text": "x" * 1000}, id="a", log_limit_bytes=2500)
    assert (answer.status, answer.swift["log_truncated"]) == (200, True)
    assert answer.swift["log_bytes"] == 2500
    fetched = swift.request("GET", "/activations/a/logs")
    assert fetched.headers["X-Swift-Log-Truncated"] == "true"
    assert fetched.headers["Content-Type"] == "application/x-ndjson"
    assert fetched.body.count(b"\n") == 3


def test_a_limit_of_zero_keeps_nothing(swift: Runtime) -> None:
    swift.init(CODE, log_limit_bytes=0)
    answer = swift.run("w1", id="a")
    assert (answer.swift["log_lines"], answer.swift["log_truncated"]) == (0, False)
    assert swift.request("GET", "/activations/a/logs").status == 404
    assert swift.output() == ""


def test_a_line_without_end_comes_in_pieces(swift: Runtime) -> None:
    swift.init("def main(args):\n    print('y' * 200_000, end='')\n    return {}")
    swift.run("w1", id="a")
    assert "".join(line["line"] for line in swift.logs("a")) == "y" * 200_000


def test_bytes_that_are_no_text(swift: Runtime) -> None:
    swift.init("import os\ndef main(args):\n    os.write(1, b'\\xff\\x00ok\\n')\n    return {}")
    swift.run("w1", id="a")
    assert [line["line"] for line in swift.logs("a")] == ["\ufffd\x00ok"]


def test_what_an_idle_worker_writes_is_not_the_next_activations(swift: Runtime) -> None:
    swift.init("""
        import subprocess
        def main(args):
            if args: subprocess.Popen(["sh", "-c", f"read x < {args['gate']}; echo late"])
            return {}
    """)
    with tempfile.TemporaryDirectory() as directory:
        gate = os.path.join(directory, "gate")
        os.mkfifo(gate)
        swift.run("w1", {"gate": gate}, id="a")
        with open(gate, "w") as stream:
            stream.write("go\n")
        until(lambda: "late" in swift.output(), "the late line")
    assert swift.run("w1", id="b", start="warm").swift["log_lines"] == 0


def test_the_log_book_forgets_the_oldest() -> None:
    book = LogBook()
    for number in range(300):
        book.open(f"a{number}", 100).line("stdout", b"x", 0)
        book.finish(f"a{number}")
    assert book.take("a0") is None
    assert book.take("a299") is not None


def test_cutting_is_exact() -> None:
    log = ActivationLog(10)
    log.line("stdout", b"12345", 0)
    log.line("stdout", b"123", 0)
    assert (log.bytes, log.truncated) == (10, False)
    log.line("stdout", b"", 0)
    assert (log.bytes, log.lines, log.truncated) == (10, 2, True)


def test_timestamps_are_utc_with_nanoseconds() -> None:
    assert timestamp(1795362325_594167422) == "2026-11-22T15:45:25.594167422Z"
    assert timestamp(1) == "1970-01-01T00:00:00.000000001Z"
