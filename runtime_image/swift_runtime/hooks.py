"""Hooks around a fork, for the code of actions.

    from swift_runtime import hooks

    @hooks.before_fork
    def flush_cache(): ...      # in the template, before each fork

    @hooks.after_fork
    def reconnect(): ...        # in the new worker, before its first activation

Hooks of ``before_fork`` run in reverse order of registration, those of ``after_fork`` in order,
as with ``os.register_at_fork``. An exception in a ``before_fork`` hook refuses the fork, one in
an ``after_fork`` hook fails the activation; either is in the activation's logs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Hook = TypeVar("Hook", bound=Callable[[], object])

_before: list[Callable[[], object]] = []
_after: list[Callable[[], object]] = []


def before_fork(hook: Hook) -> Hook:
    """Call ``hook`` in the template before each fork."""
    _before.append(hook)
    return hook


def after_fork(hook: Hook) -> Hook:
    """Call ``hook`` in each new worker before its first activation."""
    _after.append(hook)
    return hook


def run_before_fork() -> None:
    """Called by the template."""
    for hook in reversed(_before):
        hook()


def run_after_fork() -> None:
    """Called by a new worker."""
    for hook in _after:
        hook()
