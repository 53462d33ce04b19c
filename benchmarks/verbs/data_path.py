#!/usr/bin/env python3
"""The data path of stock, patched and fork-mode libraries, by Debian's own perftest.

    data_path.py [--rounds 5] [--realtime] [--out DIRECTORY]

One unmodified binary of each of ib_write_lat, ib_write_bw and ib_send_bw on all variants in turn,
in one boot of the devstack's RDMA machine. Prints a table and writes data-path.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from priority import RealTime  # noqa: E402  # the path above comes first
from roots import DEBIAN, Roots  # noqa: E402
from summary import Summary, summarize, table  # noqa: E402

from devstack.errors import DevstackError  # noqa: E402
from devstack.lock import exclusive  # noqa: E402
from devstack.machine import RdmaMachine  # noqa: E402
from devstack.stack import Stack  # noqa: E402

DEVICE, GID_INDEX = "rxe0", "1"
SCRIPT = "/run/data_path.sh"
VARIANTS = (DEBIAN, "stock", "swift")
PLAN = (
    f"stock={Roots.path(DEBIAN)}",
    f"stock-59={Roots.path('stock')}",
    f"patched={Roots.path('swift')}",
    f"fork-mode={Roots.path('swift')},RDMAV_SWIFT_FORK=1",
)
STAGES = ["write_latency_us", "write_mb_s", "send_mb_s"]


def measure(machine: RdmaMachine, rounds: int) -> Summary:
    """All variants in turn, ``rounds`` times."""
    machine.push(HERE / "data_path.sh", SCRIPT)
    argv = ["bash", SCRIPT, str(rounds), DEVICE, GID_INDEX, *PLAN]
    return summarize(machine.run(argv).stdout.splitlines())


def main() -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--realtime", action="store_true", help="the machine's processors before all else (root)"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    arguments = parser.parse_args()
    stack = Stack()
    try:
        with exclusive(stack.paths):
            stack.up(["machine"], sys.stderr)
        machine = stack.machine
        with (
            Roots(machine, VARIANTS, exclude=["./usr/share", "./usr/lib/python3*"]),
            RealTime(stack.paths, arguments.realtime),
        ):
            summary = measure(machine, arguments.rounds)
    except (DevstackError, ValueError) as error:
        print(f"data_path.py: {error}", file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = {name: {stage: asdict(s) for stage, s in row.items()} for name, row in summary.items()}
    (arguments.out / "data-path.json").write_text(json.dumps(report, indent=1) + "\n")
    print(table(summary, STAGES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
