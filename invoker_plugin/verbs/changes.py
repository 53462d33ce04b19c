"""Who wants to know when an RDMA device came, went or got another name is told so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from invoker_plugin.log import event
from invoker_plugin.verbs.uevents import Uevents

_log = logging.getLogger(__name__)


class Events(Protocol):
    """What tells of changes (``uevents.Uevents``)."""

    def fileno(self) -> int: ...

    def drain(self) -> bool: ...

    def close(self) -> None: ...


class DeviceChanges:
    """Listens to the kernel in the event loop, and calls each listener at each change.

    Without the kernel's word the invoker goes on as if nothing changed: a line of warning.
    """

    def __init__(self, listen: Callable[[], Events] = Uevents) -> None:
        self._listen = listen
        self._events: Events | None = None
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called; it must not block."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Listen from now on."""
        try:
            self._events = self._listen()
        except OSError as error:
            _warn(f"kernel tells of no device changes: {error}")
        else:
            asyncio.get_running_loop().add_reader(self._events.fileno(), self._take)

    def stop(self) -> None:
        """Listen no more."""
        if self._events is not None:
            asyncio.get_running_loop().remove_reader(self._events.fileno())
            self._events.close()
            self._events = None

    def _take(self) -> None:
        assert self._events is not None
        try:
            changed = self._events.drain()
        except OSError as error:
            asyncio.get_running_loop().remove_reader(self._events.fileno())
            _warn(f"kernel tells of no more changes: {error}")
            return
        if changed:
            for listener in self._listeners:
                listener()


def _warn(text: str) -> None:
    event(_log, logging.WARNING, "rdma-devices-unwatched", error=text)
