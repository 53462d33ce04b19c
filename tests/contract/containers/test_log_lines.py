"""Log lines as the stock invoker stored them, from what Docker wrote for the same action."""

from __future__ import annotations

import json

from invoker_plugin.containers import log_line
from invoker_plugin.containers.log_assembly import SENTINEL, LogAssembly

MIB = 1024 * 1024
# Of the capture: stored lines, and what Docker's file had for each.
STORED = [
    ("2026-11-22T15:45:22.71391318Z  stdout: hello stdout", "stdout", "hello stdout"),
    ("2026-11-22T15:45:22.714040242Z stderr: hello stderr", "stderr", "hello stderr"),
    (
        '2026-11-22T15:45:25.600526478Z stderr:   File "/proxy.py", line 60, in do_POST',
        "stderr",
        '  File "/proxy.py", line 60, in do_POST',
    ),
]


def written(time: str, stream: str, text: str) -> bytes:
    """One line as Docker's json-file driver writes it: compact, in this order."""
    entry = {"log": f"{text}\n", "stream": stream, "time": time}
    return json.dumps(entry, separators=(",", ":")).encode()


def test_form_of_stored_lines() -> None:
    for stored, stream, text in STORED:
        time = stored.split(" ")[0]
        assert log_line.parse(written(time, stream, text)).formatted() == stored


def test_truncation_comes_where_the_stock_invoker_cut() -> None:
    """30,000 lines of 60 characters under a limit of 1 MB: 8,010 were kept, then the notice.

    A few times of the capture had less than nine digits, so ours, all of nine, may be some fewer.
    """
    assembly = LogAssembly(MIB, expect_sentinels=True)
    data = written("2026-11-22T15:46:37.192030978Z", "stdout", "x" * 60)
    for _ in range(30_000):
        if assembly.finished:
            break
        assembly.feed(log_line.parse(data), len(data) + 1)
    lines = assembly.collection().lines
    assert 7_950 <= len(lines) - 1 <= 8_010
    assert lines[-1][30:] == (
        " stderr: Logs were truncated because the total bytes size exceeds the limit of"
        " 1048576 bytes."
    )


def test_notice_has_the_same_columns_as_any_line() -> None:
    line = log_line.notice("x")
    assert line[30:] == " stderr: x"


def test_sentinel_is_the_one_that_runtimes_print() -> None:
    assert SENTINEL == "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
