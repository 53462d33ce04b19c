"""A Docker Engine of the tests' own: it remembers, waits, and fails as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from invoker_plugin.containers import labels
from invoker_plugin.containers.engine_errors import DockerFault

NOT_FOUND = 404


class Events:
    """A stream of events that ends, as Docker's does when it is closed."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self._events = list(events)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while self._events:
            yield self._events.pop(0)

    def close(self) -> None:
        self._events.clear()


class FakeEngine:
    """Stands in for ``engine.Engine``; ``fails`` holds the errors that calls raise."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.fails: dict[str, Exception] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.images: dict[str, dict[str, str]] = {"python": {}, "swift": {labels.PROTOCOL: "1"}}
        self.existing: dict[str, dict[str, Any]] = {}
        self.state: dict[str, Any] = {"Running": True, "OOMKilled": False}
        self.networks: dict[str, Any] = {"bridge": {"IPAddress": "172.17.0.9"}}
        self.next_id: Callable[[int], str] = lambda number: f"{number:064x}"
        self.under_way: dict[str, int] = {}
        self.most_at_once: dict[str, int] = {}
        self.silent_s = 0.0
        self.events: list[dict[str, Any]] = []
        self.closed = False
        self.configs: dict[str, dict[str, Any]] = {}
        self.driver = "bridge"
        self.architecture = "amd64"
        self.refuse_joining = ""

    async def _call(self, name: str, what: str) -> None:
        self.calls.append((name, what))
        self.under_way[name] = self.under_way.get(name, 0) + 1
        self.most_at_once[name] = max(self.most_at_once.get(name, 0), self.under_way[name])
        try:
            if name in self.gates:
                await self.gates[name].wait()
            await asyncio.sleep(0)
            if name in self.fails:
                raise self.fails[name]
        finally:
            self.under_way[name] -= 1

    def called(self, name: str) -> list[str]:
        return [what for called, what in self.calls if called == name]

    async def version(self, limit_s: float = 10.0) -> dict[str, Any]:
        await self._call("version", "")
        return {"Version": "20.10.24", "ApiVersion": "1.41", "Arch": self.architecture}

    async def create(self, name: str, config: dict[str, Any]) -> str:
        number = len(self.called("create")) + 1
        await self._call("create", name)
        identity = self.next_id(number)
        self.existing[identity] = {"Id": identity, "Names": [f"/{name}"], "State": "created"}
        self.configs[identity] = config
        return identity

    async def start(self, container: str) -> None:
        await self._call("start", container)
        mode = self.configs.get(container, {}).get("HostConfig", {}).get("NetworkMode", "")
        if self.refuse_joining and mode.startswith("container:"):
            raise DockerFault(f"docker start: {self.refuse_joining}", 500)

    async def inspect(self, container: str) -> dict[str, Any]:
        await self._call("inspect", container)
        return {
            "Name": container,
            "State": self.state,
            "NetworkSettings": {"Networks": self.networks},
            "LogPath": "",
        }

    async def image(self, name: str) -> dict[str, Any]:
        await self._call("image", name)
        if name not in self.images:
            raise DockerFault(f"docker image inspect: No such image: {name}", NOT_FOUND)
        return {"Id": f"sha256:{name}", "Config": {"Labels": self.images[name] or None}}

    async def pause(self, container: str) -> None:
        await self._call("pause", container)

    async def unpause(self, container: str) -> None:
        await self._call("unpause", container)

    async def remove(self, container: str) -> None:
        await self._call("remove", container)
        self.existing.pop(container, None)

    async def containers(self, name_prefix: str) -> list[dict[str, Any]]:
        await self._call("containers", name_prefix)
        return [
            one for one in self.existing.values() if one["Names"][0][1:].startswith(name_prefix)
        ]

    async def pull(self, image: str) -> None:
        await self._call("pull", image)
        self.images.setdefault(image, {})

    async def import_image(
        self, content: bytes, repository: str, tag: str, changes: list[str]
    ) -> None:
        await self._call("import", f"{repository}:{tag}")
        self.images[f"{repository}:{tag}"] = {}

    async def network(self, name: str) -> dict[str, Any]:
        await self._call("network", name)
        return {"Name": name, "Driver": self.driver}

    def watch(self, label: str, since: int) -> Events:
        return Events(self.events)

    def alive(self, label: str) -> set[str]:
        return {identity for identity, one in self.existing.items() if one["State"] != "exited"}

    def close(self) -> None:
        self.closed = True
