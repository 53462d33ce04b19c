"""Removes what containers an invoker has: at start what an earlier run left, at the end its own."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from invoker_plugin.containers import labels
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.engine_errors import DockerFault
from invoker_plugin.containers.socket_directories import SocketDirectories
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event

_log = logging.getLogger(__name__)
LIMIT_S = 30.0
"""Not done within this, it has failed (behaviour 150)."""


async def remove_all(
    engine: Engine, name_prefix: str, directories: SocketDirectories | None, at_once: int
) -> int:
    """Remove every container whose name begins with exactly ``name_prefix``, in any state.

    ``at_once`` at one time, since all together would overload Docker (OpenWhisk pull request 5253).
    Returns how many. Raises SystemFault when one could not be removed, or it took over 30 s.
    """
    try:
        removal = _remove_all(engine, name_prefix, directories, at_once)
        return await asyncio.wait_for(removal, LIMIT_S)
    except asyncio.TimeoutError:
        raise SystemFault(
            f"containers named {name_prefix}* were not removed within {LIMIT_S:.0f} s;"
            " look at `docker ps --all` and remove them by hand"
        ) from None


async def _remove_all(
    engine: Engine, name_prefix: str, directories: SocketDirectories | None, at_once: int
) -> int:
    found = await engine.containers(name_prefix)
    permits = asyncio.Semaphore(at_once)

    async def remove(container: dict[str, Any]) -> None:
        async with permits:
            await _remove(engine, container, directories)

    results = await asyncio.gather(*map(remove, found), return_exceptions=True)
    for failure in results:
        if failure is not None:
            raise failure
    if found:
        event(_log, logging.INFO, "containers_cleaned_up", prefix=name_prefix, count=len(found))
    return len(found)


async def _remove(
    engine: Engine, container: dict[str, Any], directories: SocketDirectories | None
) -> None:
    if container.get("State") == "paused":
        try:
            await engine.unpause(container["Id"])
        except DockerFault as fault:
            # Removal is forced anyway; a failure to resume alone is no reason to give up.
            event(_log, logging.INFO, "unpause_failed", container=container["Id"], error=str(fault))
    await engine.remove(container["Id"])
    directory = (container.get("Labels") or {}).get(labels.SOCKET)
    if directories is not None and directory:
        await directories.remove(directory)
