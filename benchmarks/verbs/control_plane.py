#!/usr/bin/env python3
"""Time to a connected queue pair of a cold C program: the floor, stock, patched, and each patch.

    control_plane.py [--rounds 30] [--out DIRECTORY]

Builds what is missing (both variants of rdma-core, the programs beside this file), brings the
devstack's RDMA machine up, and runs all variants there in turn, in one boot, from memory. Prints a
table and writes control-plane.json and control-plane.svg.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from plot import bars  # noqa: E402  # the path above comes first
from roots import Roots  # noqa: E402
from summary import (  # noqa: E402
    EXEC_TO_MAIN,
    MAIN_TO_READY,
    OWN_BUFFER,
    TOTAL,
    Spread,
    Summary,
    summarize,
    table,
)

from devstack import commands  # noqa: E402
from devstack.errors import DevstackError  # noqa: E402
from devstack.lock import exclusive  # noqa: E402
from devstack.machine import RdmaMachine  # noqa: E402
from devstack.packages import Program, ensure_programs, install  # noqa: E402
from devstack.paths import Paths  # noqa: E402
from devstack.stack import Stack  # noqa: E402

PROGRAMS = {"floor": [], "control_plane": ["-libverbs"], "interleave": [], "reopen": ["-libverbs"]}
HEADER = Path("/usr/include/infiniband/verbs.h")
DEVICE, DEVICE_FILE, GID_INDEX, TIMES = "rxe0", "/dev/infiniband/uverbs0", "1", "30"
VARIANTS = ("stock", "swift")
COLD = f"/bench/control_plane {DEVICE} {GID_INDEX}"
REOPEN = f"/bench/reopen {DEVICE} {GID_INDEX} {TIMES}"
# name, root, environment, program
PLAN = (
    ("floor", "stock", "-", f"/bench/floor {DEVICE_FILE} {GID_INDEX}"),
    ("stock", "stock", "-", COLD),
    ("patched", "swift", "-", COLD),
    ("all-off", "swift", "RDMAV_SWIFT=0", COLD),
    ("without-cache", "swift", "RDMAV_SWIFT=-cache", COLD),
    ("without-builtin", "swift", "RDMAV_SWIFT=-builtin", COLD),
    ("without-provider", "swift", "RDMAV_SWIFT=-provider", COLD),
    ("reopen-stock", "stock", "-", REOPEN),
    ("reopen-patched", "swift", "-", REOPEN),
    ("reopen-reuse", "swift", "RDMAV_SWIFT_REUSE=16", REOPEN),
)  # fmt: skip
SHOWN = [EXEC_TO_MAIN, "get_device_list", "open_device", MAIN_TO_READY, TOTAL]
REOPEN_SHOWN = ["first", "later"]


def compile_programs(paths: Paths, target: Path) -> None:
    """The programs, by this host's compiler: ordinary ones, that know nothing of the patches."""
    ensure_programs(paths, [Program("cc", ("gcc", "libc6-dev"))])
    if not HEADER.exists():
        install(paths, ["libibverbs-dev"])
    target.mkdir()
    for name, libraries in PROGRAMS.items():
        argv = ["cc", "-O2", "-Wall", str(HERE / f"{name}.c"), "-o", str(target / name)]
        commands.run([*argv, *libraries], paths.logs / "benchmark.log", what=f"compiling {name}.c")


def push_programs(machine: RdmaMachine, paths: Paths) -> None:
    """The programs and the plan, beside the roots; each root gets the programs."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        compile_programs(paths, work / "bench")
        (work / "bench/plan").write_text(
            "".join(f"{name} {Roots.path(root)} {env} {run}\n" for name, root, env, run in PLAN)
        )
        for variant in VARIANTS:
            machine.push(work / "bench", f"{Roots.path(variant)}/bench")


def measure(machine: RdmaMachine, rounds: int) -> Summary:
    """All variants in turn, ``rounds`` times."""
    bench = f"{Roots.path('stock')}/bench"
    argv = [f"{bench}/interleave", str(rounds), f"{bench}/plan"]
    return summarize(machine.run(argv).stdout.splitlines())


def verdicts(summary: Summary) -> list[str]:
    """The ratios that are asked for, from minima.

    On a busy machine no run is undisturbed from end to end, but each stage is in some run: the sum
    of the stages' minima is what an idle machine would show.
    """
    stock, patched, floor = summary["stock"], summary["patched"], summary["floor"]
    undisturbed = _sum_of_minima(patched) / _sum_of_minima(floor)
    return [
        f"exec to RTS: {_ratio(patched, floor, TOTAL):.2f} x the floor (stock"
        f" {_ratio(stock, floor, TOTAL):.2f} x); by the sum of the stages' minima"
        f" {undisturbed:.2f} x; wanted 1.2 x or less",
        f"ibv_get_device_list: {_ratio(stock, patched, 'get_device_list'):.1f} x faster than stock;"
        " wanted 20 x",
        f"main() to RTS: {_ratio(stock, patched, MAIN_TO_READY):.1f} x faster than stock;"
        " wanted 7 x",
    ]


def _ratio(over: dict[str, Spread], under: dict[str, Spread], stage: str) -> float:
    return over[stage].minimum / under[stage].minimum


def _sum_of_minima(stages: dict[str, Spread]) -> float:
    left_out = (OWN_BUFFER, MAIN_TO_READY, TOTAL)
    return sum(spread.minimum for stage, spread in stages.items() if stage not in left_out)


def write_report(summary: Summary, directory: Path) -> None:
    """control-plane.json and control-plane.svg."""
    directory.mkdir(parents=True, exist_ok=True)
    report = {name: {stage: asdict(s) for stage, s in row.items()} for name, row in summary.items()}
    (directory / "control-plane.json").write_text(json.dumps(report, indent=1) + "\n")
    title = "Cold C program, exec to RTS, net of its own buffer (ms)"
    (directory / "control-plane.svg").write_text(bars(summary, TOTAL, title))


def main() -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    arguments = parser.parse_args()
    stack = Stack()
    try:
        with exclusive(stack.paths):
            stack.up(["machine"], sys.stderr)
        machine = stack.machine
        with Roots(machine, VARIANTS, exclude=["./usr/share", "./usr/lib/python3*"]):
            push_programs(machine, stack.paths)
            summary = measure(machine, arguments.rounds)
    except (DevstackError, ValueError) as error:
        print(f"control_plane.py: {error}", file=sys.stderr)
        return 1
    write_report(summary, arguments.out)
    print(table({name: row for name, row in summary.items() if TOTAL in row}, SHOWN))
    print(table({name: row for name, row in summary.items() if "later" in row}, REOPEN_SHOWN))
    print("\n".join(verdicts(summary)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
