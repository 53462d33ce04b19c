"""A cold start as this invoker makes it: its own container factory, with and without networks."""

from __future__ import annotations

import asyncio
import time

import image

from invoker_plugin.containers.factory import ContainerFactory
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.containers.specification import ContainerSpecification

_INIT_MS = 60_000
_FULL_S = 240.0


class OurStarts:
    """Makes containers by the factory that the invoker uses."""

    def __init__(
        self, docker_host: str, name: str, prefix: str, ready_networks: int, parallel_runs: int
    ) -> None:
        self._image = name
        self._ready = ready_networks
        self.prefix = prefix
        self._containers: list[object] = []
        self.factory = ContainerFactory(
            ContainerSettings(
                name_prefix=prefix,
                user_memory_mb=2048,
                api_host="http://172.17.0.1:10001",
                docker_host=docker_host,
                options={"volume": image.mounts()},
                ready_networks=ready_networks,
                parallel_runs=parallel_runs,
            )
        )

    async def full(self) -> None:
        """Wait until its networks are ready: what a burst finds that comes after a quiet time."""
        deadline_s = time.monotonic() + _FULL_S
        while self.factory.figures()["ready_networks"]["ready"] < self._ready:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"networks are not made: {self.factory.figures()}")
            await asyncio.sleep(0.02)

    async def start(self, name: str, body: bytes) -> tuple[float, float]:
        """Seconds until its address is known, and until ``/init`` was answered."""
        began_s = time.perf_counter()
        container = await self.factory.create(
            ContainerSpecification(name, self._image, "python:3", 256)
        )
        made_s = time.perf_counter() - began_s
        answer = await container.init(body, _INIT_MS)
        assert answer.status == 200, answer
        took_s = time.perf_counter() - began_s
        self._containers.append(container)
        return made_s, took_s

    async def remove(self, names: list[str]) -> None:
        """Remove what was started."""
        while self._containers:
            await self._containers.pop().remove()  # type: ignore[attr-defined]
