"""Keeps the discovery cache as the machine is, while the invoker runs.

Readers notice by themselves that a cache is out of date and go the slow way, so nothing of this is
ever an activation's fault: what fails is a warning.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from invoker_plugin.log import event
from invoker_plugin.verbs import file
from invoker_plugin.verbs.discovery import Machine, NoDevices
from invoker_plugin.verbs.layout import Cache, CacheFault
from invoker_plugin.verbs.uevents import Uevents

_log = logging.getLogger(__name__)

_SETTLE_SECONDS = 0.1
"""A device comes as several events: its port, its uverbs file, a new name by udev."""
_PAUSES_SECONDS = (0.5, 2.0, 8.0)
"""Between tries when a device is told by the kernel in one place and not yet in another."""


class Events(Protocol):
    """What tells of changes (``uevents.Uevents``)."""

    def fileno(self) -> int: ...

    def drain(self) -> bool: ...

    def close(self) -> None: ...


class CacheKeeper:
    """Writes the cache at the start and whenever the kernel tells of a change."""

    def __init__(
        self,
        directory: str,
        machine: Machine | None = None,
        listen: Callable[[], Events] = Uevents,
    ) -> None:
        self._path = Path(directory) / file.NAME
        self._machine = machine or Machine()
        self._listen = listen
        self._events: Events | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen, then write: no change is missed between the two."""
        try:
            self._events = self._listen()
        except OSError as error:
            self._warn("verbs-cache-unwatched", f"kernel tells of no device changes: {error}")
        else:
            asyncio.get_running_loop().add_reader(self._events.fileno(), self._take_events)
        await self._refresh()
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Watch no more. The file stays: it is right until a device changes."""
        if self._events is not None:
            asyncio.get_running_loop().remove_reader(self._events.fileno())
            self._events.close()
            self._events = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _take_events(self) -> None:
        assert self._events is not None
        try:
            if self._events.drain():
                self._changed.set()
        except OSError as error:
            asyncio.get_running_loop().remove_reader(self._events.fileno())
            self._warn("verbs-cache-unwatched", f"kernel tells of no more changes: {error}")

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(_SETTLE_SECONDS)
            self._changed.clear()
            await self._refresh()

    async def _refresh(self) -> None:
        """Bring the file up to date; tries again for a while, unless something else changes."""
        for pause in (*_PAUSES_SECONDS, None):
            failure = await asyncio.to_thread(self._bring_up_to_date)
            if failure is None or self._changed.is_set():
                return
            if pause is None or self._task is None:  # the start waits for no second try
                self._warn("verbs-cache-failed", failure)
                return
            await asyncio.sleep(pause)

    def _bring_up_to_date(self) -> str | None:
        """None when the file is right now, else why not."""
        try:
            now = self._machine.read()
            if self._present() != now:
                file.write(self._path, now)
                names = [device.ibdev_name for device in now.devices]
                event(_log, logging.INFO, "verbs-cache-written", path=self._path, devices=names)
        except NoDevices:
            return self._remove()
        except CacheFault as fault:
            return str(fault)
        return None

    def _present(self) -> Cache | None:
        try:
            return file.read(self._path)
        except CacheFault:
            return None

    def _remove(self) -> str | None:
        try:
            if file.remove(self._path):
                event(_log, logging.INFO, "verbs-cache-removed", path=self._path, devices=[])
        except CacheFault as fault:
            return str(fault)
        return None

    def _warn(self, name: str, text: str) -> None:
        event(_log, logging.WARNING, name, path=self._path, error=text)
