"""Hears at once when a container exits or the kernel kills something in it for lack of memory.

Docker tells it over its stream of events; asking for the state instead took stock OpenWhisk twelve
seconds (behaviour 99). When the stream breaks it is opened again from where it ended, and the
containers are looked through once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from invoker_plugin.containers import labels
from invoker_plugin.containers.engine import Engine
from invoker_plugin.errors import InvokerError
from invoker_plugin.log import event

_log = logging.getLogger(__name__)
_RECONNECT_S = 1.0


@dataclass
class Fate:
    """What has become of one container so far."""

    exited: bool = False
    exit_code: int | None = None
    out_of_memory: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class DeathWatch:
    """Follows the fates of this invoker's containers, in a thread of its own."""

    def __init__(self, engine: Engine, invoker: str) -> None:
        self._engine = engine
        self._label = f"{labels.INVOKER}={invoker}"
        self._fates: dict[str, Fate] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._stopped = threading.Event()
        self._stream: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to listen; ends with :meth:`stop`."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, name="docker-events", daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._stopped.set()
        if self._stream is not None:
            self._stream.close()

    def follow(self, container: str) -> Fate:
        """The fate of a container; known from now until :meth:`forget`."""
        return self._fates.setdefault(container, Fate())

    def forget(self, container: str) -> None:
        """The container is gone, and it was us who removed it."""
        self._fates.pop(container, None)

    def on_exit(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with the id of each followed container that exits by itself."""
        self._listeners.append(listener)

    def _listen(self) -> None:
        since = int(time.time())
        interrupted = False
        while not self._stopped.is_set():
            try:
                self._stream = self._engine.watch(self._label, since)
                if interrupted:
                    self._catch_up()
                interrupted = True
                for news in self._stream:
                    since = int(news.get("time", since))
                    self._tell(news)
            except (InvokerError, OSError, ValueError) as error:
                event(_log, logging.WARNING, "docker_events_broken", error=str(error))
            self._stopped.wait(_RECONNECT_S)

    def _catch_up(self) -> None:
        """A Docker that was restarted has forgotten its events, but not what has exited."""
        followed = list(self._fates)
        alive = self._engine.alive(self._label)
        for container in followed:
            if container not in alive:
                self._tell({"id": container, "Action": "die"})

    def _tell(self, news: dict[str, Any]) -> None:
        if self._loop is None or self._stopped.is_set():
            return
        try:
            self._loop.call_soon_threadsafe(self.hear, news)
        except RuntimeError:
            # The loop is closed: this process is about to end.
            self._stopped.set()

    def hear(self, news: dict[str, Any]) -> None:
        """Take one event of Docker's. The same may come twice, after a reconnection."""
        container = str(news.get("id") or news.get("Actor", {}).get("ID", ""))
        fate = self._fates.get(container)
        if fate is None:
            return
        if news.get("Action", news.get("status")) == "oom":
            fate.out_of_memory = True
        elif not fate.exited:
            fate.exited = True
            code = str(news.get("Actor", {}).get("Attributes", {}).get("exitCode", ""))
            fate.exit_code = int(code) if code.isdigit() else None
            for listener in self._listeners:
                listener(container)
        fate.changed.set()
