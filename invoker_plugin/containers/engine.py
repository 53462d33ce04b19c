"""Docker Engine: its API by the ``docker`` SDK, in threads, each call with a time limit.

The event loop is never blocked. Errors come out as :class:`DockerFault` with one line of text.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import docker
import docker.errors
import docker.utils
import requests

from invoker_plugin.containers.engine_errors import DockerFault, DockerTimeout
from invoker_plugin.containers.threads import Threads

Result = TypeVar("Result")
Facts = dict[str, Any]
Observe = Callable[[str, str, float], None]
"""Told of each call that ended: its name, ``ok``, ``error`` or ``timeout``, and its seconds."""

LONG_S = 60.0
"""create, start, remove, list, inspect (behaviour 88)."""
SHORT_S = 10.0
"""pause, unpause, version."""
PULL_S = 600.0
_THREADS = 16
_PULL_THREADS = 4
_DEEPEST = 50


class Engine:
    """One Docker Engine: ``docker_host`` as in DOCKER_HOST, None for that variable's own."""

    def __init__(self, docker_host: str | None = None, observe: Observe | None = None) -> None:
        self._docker_host = docker_host
        self._observe = observe
        self._threads = Threads(_THREADS, "docker")
        # Apart, so that slow registries block nothing else.
        self._pull_threads = Threads(_PULL_THREADS, "docker-pull")
        self._clients: dict[float, docker.APIClient] = {}
        self._last_answer: float | None = None

    @property
    def silent_s(self) -> float:
        """Seconds since Docker last answered anything; infinite when it never did."""
        if self._last_answer is None:
            return float("inf")
        return time.monotonic() - self._last_answer

    async def version(self, limit_s: float = SHORT_S) -> Facts:
        """Docker's version, as ``docker version`` has it."""
        return await self._call("version", limit_s, lambda client: client.version())

    async def info(self) -> Facts:
        """What Docker and its host are able to do, as ``docker info`` has it."""
        return await self._call("info", SHORT_S, lambda client: client.info())

    async def create(self, name: str, config: Facts) -> str:
        """Create a container; its id.

        When the call is given up, by its time limit or by cancellation, a container that comes of
        it nevertheless is removed.
        """
        call = self._begin(LONG_S, lambda client: _create(client, name, config))
        try:
            created = await self._end("create", LONG_S, call)
        except (DockerTimeout, asyncio.CancelledError):
            call.add_done_callback(self._remove_abandoned)
            raise
        identity: str = created["Id"]
        return identity

    async def start(self, container: str) -> None:
        """Start a created container."""
        await self._call("start", LONG_S, lambda client: client.start(container))

    async def inspect(self, container: str) -> Facts:
        """All that Docker knows of a container."""
        return await self._call(
            "inspect", LONG_S, lambda client: client.inspect_container(container)
        )

    async def image(self, name: str) -> Facts:
        """All that Docker knows of an image; a DockerFault of status 404 when it has none."""
        return await self._call("image inspect", LONG_S, lambda client: _image(client, name))

    async def pause(self, container: str) -> None:
        """Freeze all processes of a container."""
        await self._call("pause", SHORT_S, lambda client: client.pause(container))

    async def unpause(self, container: str) -> None:
        """Let a paused container go on."""
        await self._call("unpause", SHORT_S, lambda client: client.unpause(container))

    async def remove(self, container: str) -> None:
        """Remove a container in any state, with its anonymous volumes; one that is gone is fine."""
        try:
            await self._call("remove", LONG_S, lambda client: _remove(client, container))
        except DockerFault as fault:
            # 409: someone else's removal is under way, which ends the same.
            if fault.status not in (404, 409):
                raise

    async def containers(self, name_prefix: str) -> list[Facts]:
        """The containers, in any state, whose names begin with exactly ``name_prefix``."""
        # Docker's own filter looks anywhere in the name; the check that counts is ours.
        found: list[Facts] = await self._call(
            "list",
            LONG_S,
            lambda client: client.containers(all=True, filters={"name": name_prefix}),
        )
        return [one for one in found if _has_prefix(one, name_prefix)]

    async def pull(self, image: str) -> None:
        """Pull an image from its registry."""
        call = self._begin(PULL_S, lambda client: _pull(client, image), self._pull_threads)
        await self._end("pull", PULL_S, call)

    async def import_image(
        self, content: bytes, repository: str, tag: str, changes: list[str]
    ) -> None:
        """Make an image of a tar file; ``changes`` are Dockerfile instructions."""
        await self._call(
            "import",
            LONG_S,
            lambda client: client.import_image_from_data(
                content, repository=repository, tag=tag, changes=changes
            ),
        )

    async def network(self, name: str) -> Facts:
        """All that Docker knows of a network."""
        return await self._call("network", SHORT_S, lambda client: _network(client, name))

    async def logs(self, container: str, stream: str, since: float) -> list[bytes]:
        """What ``stream`` (``stdout`` or ``stderr``) said since, a timestamp before each piece."""
        return await self._call(
            "logs", LONG_S, lambda client: _logs(client, container, stream, since)
        )

    def watch(self, label: str, since: int) -> Iterator[Facts]:
        """Events ``die`` and ``oom`` of the containers with ``label``. Blocks: for a thread."""
        filters = {"type": "container", "label": label, "event": ["die", "oom"]}
        try:
            client = self._client(LONG_S)
            stream: Iterator[Facts] = client.events(since=since, filters=filters, decode=True)
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise DockerFault(f"docker events: {_reason(error)}") from None
        return stream

    def alive(self, label: str) -> set[str]:
        """The containers with ``label`` that have not exited. Blocks: for a thread."""
        try:
            found = self._client(LONG_S).containers(all=True, filters={"label": label})
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise DockerFault(f"docker list: {_reason(error)}") from None
        return {one["Id"] for one in found if one["State"] not in ("exited", "dead")}

    def close(self) -> None:
        """Let go of the threads. Calls that are under way end by themselves."""
        self._threads.close()
        self._pull_threads.close()

    async def _call(
        self, name: str, limit_s: float, function: Callable[[docker.APIClient], Result]
    ) -> Result:
        return await self._end(name, limit_s, self._begin(limit_s, function))

    def _begin(
        self,
        limit_s: float,
        function: Callable[[docker.APIClient], Result],
        threads: Threads | None = None,
    ) -> asyncio.Future[Result]:
        return (threads or self._threads).run(lambda: function(self._client(limit_s)))

    async def _end(self, name: str, limit_s: float, call: asyncio.Future[Result]) -> Result:
        # Whoever gives up waiting leaves an exception behind that nobody else would fetch.
        call.add_done_callback(_fetch_exception)
        begun_s = time.monotonic()
        result = await self._await(name, limit_s, call, begun_s)
        self._last_answer = time.monotonic()
        self._tell(name, "ok", begun_s)
        return result

    async def _await(
        self, name: str, limit_s: float, call: asyncio.Future[Result], begun_s: float
    ) -> Result:
        try:
            return await asyncio.wait_for(asyncio.shield(call), limit_s)
        except (asyncio.TimeoutError, requests.exceptions.Timeout):
            self._tell(name, "timeout", begun_s)
            raise DockerTimeout(
                f"docker {name}: timeout, no answer within {limit_s:.0f} s"
            ) from None
        except docker.errors.APIError as error:
            self._last_answer = time.monotonic()
            self._tell(name, "error", begun_s)
            raise DockerFault(f"docker {name}: {_explain(error)}", error.status_code) from None
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            self._tell(name, "error", begun_s)
            raise DockerFault(f"docker {name}: {_reason(error)}") from None

    def _tell(self, name: str, result: str, begun_s: float) -> None:
        if self._observe is not None:
            self._observe(name, result, time.monotonic() - begun_s)

    def _client(self, limit_s: float) -> docker.APIClient:
        """A client whose sockets wait ``limit_s``; made in a thread, since it asks Docker."""
        client = self._clients.get(limit_s)
        if client is None:
            environment = dict(os.environ)
            if self._docker_host:
                environment["DOCKER_HOST"] = self._docker_host
            options = docker.utils.kwargs_from_env(environment=environment)
            client = docker.APIClient(
                version="auto", timeout=int(limit_s), max_pool_size=_THREADS, **options
            )
            self._clients[limit_s] = client
        return client

    def _remove_abandoned(self, call: asyncio.Future[Facts]) -> None:
        if call.cancelled() or call.exception() is not None:
            return
        identity = call.result()["Id"]
        self._begin(LONG_S, lambda client: _remove(client, identity))


def _create(client: docker.APIClient, name: str, config: Facts) -> Facts:
    created: Facts = client.create_container_from_config(config, name)  # type: ignore[no-untyped-call]
    return created


def _image(client: docker.APIClient, name: str) -> Facts:
    facts: Facts = client.inspect_image(name)  # type: ignore[no-untyped-call]
    return facts


def _network(client: docker.APIClient, name: str) -> Facts:
    facts: Facts = client.inspect_network(name)
    return facts


def _remove(client: docker.APIClient, container: str) -> None:
    client.remove_container(container, v=True, force=True)


def _pull(client: docker.APIClient, image: str) -> None:
    """Errors of a pull come within a stream of progress that began as a success."""
    for progress in client.pull(image, stream=True, decode=True):
        if "error" in progress:
            raise docker.errors.DockerException(progress["error"])


def _logs(client: docker.APIClient, container: str, stream: str, since: float) -> list[bytes]:
    pieces = client.logs(
        container,
        stdout=stream == "stdout",
        stderr=stream == "stderr",
        stream=True,
        follow=False,
        timestamps=True,
        since=since or None,
    )
    return list(pieces)


def _has_prefix(container: Facts, name_prefix: str) -> bool:
    return any(name.lstrip("/").startswith(name_prefix) for name in container["Names"] or ())


def _explain(error: docker.errors.APIError) -> str:
    return _one_line(error.explanation or error)


def _fetch_exception(call: asyncio.Future[Any]) -> None:
    if not call.cancelled():
        call.exception()


def _reason(error: BaseException) -> str:
    """The system's own words from within the libraries' wrappings, where there are any."""
    seen: list[object] = [error]
    for one in seen:
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
        if isinstance(one, BaseException):
            seen += [*one.args, one.__cause__ or one.__context__, getattr(one, "reason", None)]
        elif isinstance(one, (tuple, list)):
            seen += one
        if len(seen) > _DEEPEST:
            break
    return _one_line(error)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
