"""Keeps the discovery cache as the machine is, while the invoker runs.

Readers notice by themselves that a cache is out of date and go the slow way, so nothing of this is
ever an activation's fault: what fails is a warning.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from invoker_plugin.log import event
from invoker_plugin.verbs import file
from invoker_plugin.verbs.discovery import Machine, NoDevices
from invoker_plugin.verbs.layout import Cache, CacheFault

_log = logging.getLogger(__name__)

_SETTLE_SECONDS = 0.1
"""A device comes as several events: its port, its uverbs file, a new name by udev."""
_PAUSES_SECONDS = (0.5, 2.0, 8.0)
"""Between tries when a device is told by the kernel in one place and not yet in another."""


class CacheKeeper:
    """Writes the cache at the start and whenever it is told of a change."""

    def __init__(self, directory: str, machine: Machine | None = None) -> None:
        self._path = Path(directory) / file.NAME
        self._machine = machine or Machine()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Write it. Who calls :meth:`changed` does so already, so that no change is missed."""
        await self._refresh()
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow no more. The file stays: it is right until a device changes."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def changed(self) -> None:
        """Devices came or went."""
        self._changed.set()

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
                event(_log, logging.WARNING, "verbs-cache-failed", path=self._path, error=failure)
                return
            await asyncio.sleep(pause)

    def _bring_up_to_date(self) -> str | None:
        """None when the file is right now, else why not."""
        try:
            self._machine.mark()
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
