"""Foreground commands (package managers, builds): output to a log; an interruption ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.errors import DevstackError

_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()


def run(
    argv: Sequence[str],
    log: Path,
    *,
    what: str,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run ``argv``; what it prints goes to ``log``. A failure names ``what`` and its last line."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"$ {' '.join(argv)}\n".encode())
        output.flush()
        try:
            # Under the guard: an interruption must not miss a command that has just begun.
            with _guard:
                child = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=directory,
                    env={**os.environ, **(environment or {})},
                    start_new_session=True,
                )
                _running.add(child)
        except OSError as error:
            raise DevstackError(f"{what}: cannot run {argv[0]}: {error.strerror}") from error
    try:
        status = child.wait()
    finally:
        with _guard:
            _running.discard(child)
    if status != 0:
        raise DevstackError(f"{what} failed (exit {status}): {_last_line(log)} (see {log})")


def output_of(argv: Sequence[str]) -> str | None:
    """What ``argv`` printed, or None when it is not there or failed."""
    try:
        done = subprocess.run(list(argv), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout + done.stderr if done.returncode == 0 else None


def interrupt_all() -> None:
    """Ask every command that runs to end, because the user interrupted us."""
    with _guard:
        running = list(_running)
    for child in running:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no output"
