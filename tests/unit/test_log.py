"""The lines of the log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoker_plugin import log

_SWITCHES = ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A log of its own; pytest's is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    switches = {name: getattr(logging, name) for name in _SWITCHES}
    written = io.StringIO()
    log.configure("info", written)
    yield written
    root.handlers[:], root.level = handlers, level
    for name, value in switches.items():
        setattr(logging, name, value)


def test_a_line_has_its_event_and_the_fields_that_are_known(stream: io.StringIO) -> None:
    logger = logging.getLogger("some.module")
    log.event(logger, logging.INFO, "one-thing", run_ms=1.5, worker=None, text="ü\n", other=b"x")
    log.event(logger, logging.DEBUG, "not-wanted")
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    moment = datetime.strptime(told.pop("time"), "%Y-%m-%dT%H:%M:%S.%fZ")
    age = datetime.now(timezone.utc) - moment.replace(tzinfo=timezone.utc)
    assert age.total_seconds() < 3600
    assert told == {
        "level": "info",
        "logger": "some.module",
        "event": "one-thing",
        "run_ms": 1.5,
        "text": "ü\n",
        "other": "b'x'",
    }


def test_an_exception_comes_with_its_traceback(stream: io.StringIO) -> None:
    try:
        raise ValueError("what happened")
    except ValueError:
        logging.getLogger("some.module").exception("internal-error")
    told = json.loads(stream.getvalue())
    assert told["event"] == "internal-error"
    assert "ValueError: what happened" in told["traceback"]


@given(st.lists(st.integers(0, 4_000_000_000_000), min_size=1))
def test_times_are_those_of_the_records(moments_ms: list[int]) -> None:
    form = log.JsonLines()
    for moment_ms in moments_ms:
        record = logging.LogRecord("a", logging.INFO, "", 0, "event", None, None)
        record.created = moment_ms / 1000
        told = json.loads(form.format(record))["time"]
        exact = datetime.fromtimestamp(moment_ms / 1000, tz=timezone.utc)
        assert told == exact.isoformat(timespec="milliseconds").replace("+00:00", "Z")
