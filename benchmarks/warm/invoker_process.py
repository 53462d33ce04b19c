"""One real invoker process, as ``swift-invoker run`` makes it, with what is simulated put in.

    invoker_process.py --config FILE --stub SOCKET [--bus SOCKET] [--profile FILE]

Without ``--bus`` the settings' Kafka is used. ``--profile`` writes cProfile's statistics at the
end. Ends at SIGTERM, as an invoker does.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import sys
import time

from bus import SimulatedBus
from engine import SimulatedEngine

from invoker_plugin.cli import assembly, main, run


def put_in(bus_path: str | None, stub_path: str) -> None:
    """Have the invoker's parts put together with the simulated bus and engine."""
    put_together = assembly.Assembly

    class SimulatedAssembly(put_together):  # type: ignore[valid-type,misc]
        def __init__(self, settings: object) -> None:
            bus = SimulatedBus(bus_path) if bus_path else None
            super().__init__(settings, bus, SimulatedEngine(stub_path))

    run.Assembly = SimulatedAssembly  # type: ignore[misc]


def _main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("--stub", required=True)
    parser.add_argument("--bus")
    parser.add_argument("--profile")
    arguments = parser.parse_args()
    put_in(arguments.bus, arguments.stub)
    command = ["run", "--id", "0", "--config", arguments.config]
    if not arguments.profile:
        return main.main(command)
    # CPU time of this thread, so that neither waiting nor other processes count.
    profile = cProfile.Profile(time.thread_time)
    code = profile.runcall(main.main, command)
    profile.dump_stats(arguments.profile)
    return code


if __name__ == "__main__":
    sys.stdout.flush()
    code = _main()
    # Threads that wait for simulated events never end by themselves.
    os._exit(code)
