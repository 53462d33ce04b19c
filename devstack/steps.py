"""Named steps, run side by side as their order allows, each shown with its wall time.

A step looks first whether what it makes is already there and right, and says so; therefore a run
that was interrupted is gone on with by running it again.
"""

from __future__ import annotations

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from devstack import commands

_NOTICE_EVERY_S = 30.0


@dataclass(frozen=True)
class Step:
    """``work`` does it (or checks that it is done) and returns a few words on the outcome."""

    name: str
    work: Callable[[], str]
    after: tuple[str, ...] = ()


_Finished = queue.SimpleQueue[tuple[Step, str, BaseException | None] | None]
"""What steps came to; None is an interrupt."""


@dataclass
class _Progress:
    waiting: list[Step]
    running: dict[str, float] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    failure: BaseException | None = None


def run_steps(steps: Sequence[Step], stream: TextIO | None = None) -> float:
    """Run ``steps``; returns the seconds taken. The first failure stops the start of others,
    those that run are waited for, and the failure is raised."""
    _check(steps)
    began = time.monotonic()
    out = stream or sys.stdout
    finished: _Finished = queue.SimpleQueue()
    progress = _Progress(list(steps))
    try:
        with _interrupts_to(finished):
            while _start_ready(progress, finished, out) or progress.running:
                _collect_one(progress, finished, out)
    except KeyboardInterrupt:
        names = ", ".join(progress.running) or "nothing"
        print(f"interrupted during: {names}; run the same command again to go on", file=out)
        commands.interrupt_all()
        raise
    if progress.failure is not None:
        raise progress.failure
    return time.monotonic() - began


@contextmanager
def _interrupts_to(finished: _Finished) -> Iterator[None]:
    """An interrupt comes as one more result.

    Raised wherever the thread is, it may come within ``Thread.start`` or a condition's wait, which
    then end with "release unlocked lock" in its place.
    """
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: finished.put(None))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _check(steps: Sequence[Step]) -> None:
    seen: set[str] = set()
    for step in steps:
        for name in step.after:
            if name not in seen:
                raise ValueError(f"step {step.name!r} comes after {name!r}, which is not before it")
        seen.add(step.name)


def _start_ready(
    progress: _Progress,
    finished: _Finished,
    out: TextIO,
) -> bool:
    if progress.failure is not None:
        return False
    ready = [step for step in progress.waiting if progress.done.issuperset(step.after)]
    for step in ready:
        progress.waiting.remove(step)
        progress.running[step.name] = time.monotonic()
        print(f"  ..  {step.name}", file=out, flush=True)
        # Daemon threads: an interrupted command must be able to leave while one still waits.
        threading.Thread(target=_work, args=(step, finished), name=step.name, daemon=True).start()
    return bool(ready)


def _work(step: Step, finished: _Finished) -> None:
    try:
        finished.put((step, step.work(), None))
    except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
        finished.put((step, "", error))


def _collect_one(
    progress: _Progress,
    finished: _Finished,
    out: TextIO,
) -> None:
    try:
        result = finished.get(timeout=_NOTICE_EVERY_S)
    except queue.Empty:
        for name, began in progress.running.items():
            print(f"  ..  {name}: {time.monotonic() - began:.0f} s so far", file=out, flush=True)
        return
    if result is None:
        raise KeyboardInterrupt
    step, note, error = result
    took = time.monotonic() - progress.running.pop(step.name)
    if error is None:
        progress.done.add(step.name)
        print(f"  ok  {step.name:<28} {took:7.1f} s  {note}", file=out, flush=True)
    else:
        progress.failure = progress.failure or error
        print(f"fail  {step.name:<28} {took:7.1f} s", file=out, flush=True)
