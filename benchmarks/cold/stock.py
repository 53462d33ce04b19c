"""A cold start as the stock invoker makes it: Docker's command line, then HTTP with its pauses.

The arguments are those of the capture (tests/contract/data/containers/docker-run.jsonl). The stock
invoker reads the address from Docker's own files where it may, else by ``docker inspect``, as here.
While nothing listens it tries ``/init`` again every 50 ms (behaviour 106).
"""

from __future__ import annotations

import asyncio
import time

import image

from invoker_plugin.containers.http_client import ContainerClient
from invoker_plugin.containers.http_connection import TcpAddress

RETRY_S = 0.05
_INIT_MS = 60_000
_LIMIT_BYTES = 1024 * 1024


class StockStarts:
    """Makes containers by the command line."""

    def __init__(self, docker_host: str, name: str, parallel_runs: int = 10) -> None:
        self._docker = ["docker", "--host", docker_host]
        self._image = name
        self._permits = asyncio.Semaphore(parallel_runs)

    async def start(self, name: str, body: bytes) -> tuple[float, float]:
        """Seconds until its address is known, and until ``/init`` was answered."""
        began_s = time.perf_counter()
        async with self._permits:
            identity = await self._run("run", *self._arguments(name), self._image)
        template = "{{.NetworkSettings.Networks.bridge.IPAddress}}"
        ip = await self._run("inspect", "--format", template, identity)
        made_s = time.perf_counter() - began_s
        client = ContainerClient(TcpAddress(ip, 8080), _LIMIT_BYTES, _LIMIT_BYTES)
        while not await client.listens(1000):
            await asyncio.sleep(RETRY_S)
        answer = await client.init(body, _INIT_MS)
        assert answer.status == 200, answer
        return made_s, time.perf_counter() - began_s

    async def remove(self, names: list[str]) -> None:
        """Remove containers."""
        await self._run("rm", "--force", *names)

    def _arguments(self, name: str) -> list[str]:
        mounts = [option for one in image.mounts() for option in ("--volume", one)]
        return [
            *("-d", "--cpu-shares", "128", "--memory", "256m", "--memory-swap", "256m"),
            *("--network", "bridge", "-e", "__OW_API_HOST=http://172.17.0.1:10001"),
            *("--name", name, "--cap-drop", "NET_RAW", "--cap-drop", "NET_ADMIN"),
            *("--ulimit", "nofile=1024:1024", "--pids-limit", "1024", "--log-driver", "json-file"),
            *mounts,
        ]

    async def _run(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *self._docker, *arguments, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"docker {arguments[0]} ended with {process.returncode}")
        return output.decode().strip()
