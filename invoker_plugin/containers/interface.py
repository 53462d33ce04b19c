"""What the activation flow needs of containers, whoever provides them.

``factory.ContainerFactory`` and ``container.Container`` provide it with Docker, ``stub`` in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.outcome import HttpOutcome
from invoker_plugin.containers.specification import ContainerSpecification

Body = Mapping[str, Any] | bytes
"""A request body: a JSON object, or its bytes where they are already at hand."""


class AnyContainer(Protocol):
    """One running container. All times are in milliseconds."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def protocol(self) -> int:
        """0 for an ordinary OpenWhisk image, 1 for one that speaks docs/runtime-protocol.md."""

    @property
    def create_ms(self) -> float:
        """Time that creating took, start included."""

    def lost_device(self) -> bool:
        """True when the RDMA device that it was made with is gone, or was made again."""

    async def init(self, body: Body, timeout_ms: int) -> HttpOutcome:
        """POST /init, retried while nothing listens yet; raises nothing of the container's."""

    async def run(self, body: Body, timeout_ms: int) -> HttpOutcome:
        """POST /run, never retried once something may have been delivered."""

    async def listens(self, timeout_ms: int = 1000) -> bool:
        """True when its proxy accepts a connection: a cheap probe (behaviour 82)."""

    async def suspend(self) -> None:
        """Close kept connections, pause. Raises SystemFault: then destroy it (behaviour 68)."""

    async def resume(self) -> None:
        """Unpause. Raises SystemFault: then run the job elsewhere (behaviour 67)."""

    async def remove(self) -> None:
        """Resume if paused, and remove for good. Raises SystemFault when Docker fails to."""

    async def kill_worker(self, worker: str) -> Mapping[str, Any] | None:
        """Kill one worker of a Swift container: how it ended, or None if there was none."""

    async def collect_logs(
        self,
        activation_id: str,
        limit_bytes: int,
        expect_sentinels: bool,
        outcome: HttpOutcome | None = None,
        developer_error: bool = False,
    ) -> LogCollection:
        """The logs of the activation that just ended (behaviours 113 to 121); never raises.

        ``expect_sentinels``: the image is a managed runtime and the answer was no developer error.
        ``outcome`` is that of the /run (it spares a request where a Swift container has no logs).
        ``developer_error`` appends the line that log data might be missing (behaviour 116).
        """

    async def out_of_memory(self) -> bool:
        """True when the kernel killed something in the container for lack of memory."""


class AnyContainerFactory(Protocol):
    """Makes containers and clears them away."""

    async def start(self) -> None:
        """Check Docker and remove what an earlier run left. Raises SystemFault (behaviour 150)."""

    async def create(self, specification: ContainerSpecification) -> AnyContainer:
        """Create and start. Raises DeveloperFault for a user's bad image, else SystemFault."""

    async def clean_up(self) -> int:
        """Remove every container of this invoker; how many. Raises SystemFault after 30 s."""

    async def healthy(self) -> bool:
        """True when Docker answered recently."""

    async def close(self) -> None:
        """Let go of threads and connections; containers stay."""

    def on_exit(self, listener: Callable[[str], None]) -> None:
        """Have ``listener`` called in the event loop with the id of each container that exits."""
