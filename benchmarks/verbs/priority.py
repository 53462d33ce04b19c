"""Real-time priority for the virtual machine's processors while something is timed.

A machine that is emulated in software shares its processors with everything else on the host: a
cold start of some milliseconds is then mostly time in which it did not run.
"""

from __future__ import annotations

from types import TracebackType

from devstack import commands
from devstack.errors import DevstackError
from devstack.machine.guest import daemon
from devstack.machine.privilege import as_root
from devstack.paths import Paths


class RealTime:
    """While entered, all threads of the machine's QEMU come before all ordinary processes.

    Linux keeps 5 % of the time for those (``sched_rt_runtime_us``). Nothing for a machine that is
    no virtual one. Leave it soon: others wait.
    """

    def __init__(self, paths: Paths, wanted: bool) -> None:
        self._paths = paths
        self._pid = daemon(paths).pid() if wanted else None

    def __enter__(self) -> RealTime:
        self._change("--rr", "1")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._change("--other", "0")

    def _change(self, policy: str, priority: str) -> None:
        if self._pid is None:
            return
        argv = ["chrt", "--all-tasks", policy, "--pid", priority, str(self._pid)]
        try:
            commands.run(as_root(argv), self._paths.logs / "benchmark.log", what="setting priority")
        except DevstackError as error:
            raise DevstackError(f"{error}: try without --realtime") from error
