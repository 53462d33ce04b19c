"""In the invoker's process: a Docker Engine whose containers are all the load generator's stub."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from typing import Any

from invoker_plugin.containers import labels
from invoker_plugin.containers.engine import Engine

Facts = dict[str, Any]


class SimulatedEngine(Engine):
    """Answers at once. A container's socket is another name of the stub's own socket."""

    def __init__(self, stub_socket: str) -> None:
        super().__init__()
        self._stub_socket = stub_socket
        self._numbers = itertools.count(1)
        self._never = threading.Event()

    @property
    def silent_s(self) -> float:
        """It always answers."""
        return 0.0

    async def version(self, limit_s: float = 10.0) -> Facts:
        """New enough."""
        return {"Version": "0", "ApiVersion": "1.41"}

    async def create(self, name: str, config: Facts) -> str:
        """Give the container its socket."""
        directory = config["Labels"][labels.SOCKET]
        os.link(self._stub_socket, os.path.join(directory, "proxy.sock"))
        return f"{next(self._numbers):064x}"

    async def start(self, container: str) -> None:
        """The stub listens already."""

    async def inspect(self, container: str) -> Facts:
        """It runs."""
        return {"State": {"Running": True}, "NetworkSettings": {"Networks": {}}}

    async def image(self, name: str) -> Facts:
        """Every image speaks the Swift protocol."""
        return {"Id": name, "Config": {"Labels": {labels.PROTOCOL: "1"}}}

    async def pause(self, container: str) -> None:
        """Nothing freezes."""

    async def unpause(self, container: str) -> None:
        """Nothing was frozen."""

    async def remove(self, container: str) -> None:
        """Its name of the socket goes with its directory."""

    async def containers(self, name_prefix: str) -> list[Facts]:
        """None is left of an earlier run."""
        return []

    def watch(self, label: str, since: int) -> Iterator[Facts]:
        """No event ever comes."""
        self._never.wait()
        return iter(())

    def alive(self, label: str) -> set[str]:
        """Nobody asks, since no stream of events ends."""
        return set()
