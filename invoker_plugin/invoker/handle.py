"""What the driver holds of one container of the pool."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from invoker_plugin.containers.interface import AnyContainer
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.invoker.activation import Interval
from invoker_plugin.wire.response import ActivationResponse


@dataclass(frozen=True, slots=True)
class StartFailure:
    """Why a container could not be made or initialised: the answer for all that waited for it."""

    response: ActivationResponse
    timed_out: bool = False
    outcome: HttpOutcome | None = None
    """The failed ``/init``, ``None`` when it never came to that."""


@dataclass(slots=True)
class Handle:
    """A container's number in the pool, the container itself once it is made, and what it cost."""

    number: int
    container: AnyContainer | None = None
    swift: bool = False
    """It was initialised as a template with workers."""
    paused: bool = False
    container_ms: float | None = None
    init_ms: float | None = None
    init: Interval | None = None
    initialised_by: str | None = None
    """The activation that paid for the container and its ``/init``."""
    failure: StartFailure | None = None
    rdma: str | None = None
    """The rung of RDMA sharing that its workers have, once known."""
    lifecycle: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the container is made, paused, resumed or removed: one at a time, in order."""
    tails: set[asyncio.Task[None]] = field(default_factory=set)
    """Work that still needs the container (its logs) after its activation ended."""

    def paid_by(self, activation_id: str) -> bool:
        """Whether that activation waited for this container's start itself."""
        return self.initialised_by == activation_id

    def add_tail(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``work`` on; the container is not paused or removed before it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self.tails.add(task)
        task.add_done_callback(self.tails.discard)
        return task

    async def settled(self) -> None:
        """Wait until nothing needs the container any more."""
        while self.tails:
            await asyncio.wait(set(self.tails))
