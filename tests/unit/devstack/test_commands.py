"""Foreground commands."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from devstack import commands
from devstack.errors import DevstackError


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    commands.run([sys.executable, "-c", "print('hello')"], log, what="greeting")
    assert log.read_text().splitlines()[-1] == "hello"


def test_a_failure_names_the_purpose_the_last_line_and_the_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    code = "import sys; print('no space left'); sys.exit(3)"
    with pytest.raises(DevstackError, match=r"building failed \(exit 3\): no space left \(see "):
        commands.run([sys.executable, "-c", code], log, what="building")


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(DevstackError, match="building: cannot run /no/such"):
        commands.run(["/no/such"], tmp_path / "x.log", what="building")


def test_output_of_says_none_for_what_is_missing_or_fails() -> None:
    assert commands.output_of(["/no/such"]) is None
    assert commands.output_of([sys.executable, "-c", "raise SystemExit(1)"]) is None
    assert commands.output_of([sys.executable, "-c", "print(1)"]) == "1\n"
