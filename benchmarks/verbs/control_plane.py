#!/usr/bin/env python3
"""Time to a connected queue pair of a cold C program: the floor, stock, patched, and each patch.

    control_plane.py [--rounds 30] [--realtime] [--on memory|overlay] [--out DIRECTORY]

Builds what is missing (rdma-core with the series and without, a root with Debian's own, the
programs beside this file), brings the devstack's RDMA machine up, and runs all variants there in
turn, in one boot, from memory, or from an overlay over the machine's disk, as a container has it.
Prints a table and writes control-plane.json and control-plane.svg (control-plane-overlay.*).
``stock`` is Debian's package, ``stock-59`` this tree's source without patches.
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
from priority import RealTime  # noqa: E402
from roots import DEBIAN, MEMORY, OVERLAY, UNSEALED, Roots  # noqa: E402
from summary import (  # noqa: E402
    EXEC_TO_MAIN,
    MAIN_TO_READY,
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

# As Debian builds perftest (hardening=+all): all symbols are bound at start. The ordinary compiler
# leaves that to the first call of each; such programs are timed too.
HARDENED = ["-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro,-z,now"]
LAZY = ["-Wl,-z,lazy"]
VERBS = ["-libverbs"]
# name: source and options
PROGRAMS = {
    "interleave": ("interleave", ["-static"]),
    "floor": ("floor", HARDENED),
    "floor_lazy": ("floor", LAZY),
    "control_plane": ("control_plane", HARDENED + VERBS),
    "control_plane_lazy": ("control_plane", LAZY + VERBS),
    "queries": ("queries", HARDENED + VERBS),
    "reopen": ("reopen", HARDENED + VERBS),
}
HEADER = Path("/usr/include/infiniband/verbs.h")
DEVICE, DEVICE_FILE, GID_INDEX, TIMES = "rxe0", "/dev/infiniband/uverbs0", "1", "30"
VARIANTS = (DEBIAN, "stock", "swift", UNSEALED)
COLD = f"/bench/control_plane {DEVICE} {GID_INDEX}"
COLD_LAZY = f"/bench/control_plane_lazy {DEVICE} {GID_INDEX}"
REOPEN = f"/bench/reopen {DEVICE} {GID_INDEX} {TIMES}"
QUERIES = f"/bench/queries {DEVICE}"
NETLINK = "LD_PRELOAD=libnl-3.so.200:libnl-route-3.so.200"
# name, root, environment, program. Each patch that has a switch is off by itself; netlink-at-start
# is what 0002 saves, without-seal what the time stamp of 0003 does.
PLAN = (
    ("floor", "swift", "-", f"/bench/floor {DEVICE_FILE} {GID_INDEX}"),
    ("stock", DEBIAN, "-", COLD),
    ("stock-59", "stock", "-", COLD),
    ("patched", "swift", "-", COLD),
    ("all-off", "swift", "RDMAV_SWIFT=0", COLD),
    ("netlink-at-start", "swift", NETLINK, COLD),
    ("without-cache", "swift", "RDMAV_SWIFT=-cache", COLD),
    ("without-builtin", "swift", "RDMAV_SWIFT=-builtin", COLD),
    ("without-provider", "swift", "RDMAV_SWIFT=-provider", COLD),
    ("without-seal", UNSEALED, "-", COLD),
    ("floor-lazy", "swift", "-", f"/bench/floor_lazy {DEVICE_FILE} {GID_INDEX}"),
    ("stock-lazy", DEBIAN, "-", COLD_LAZY),
    ("patched-lazy", "swift", "-", COLD_LAZY),
    ("query-stock", DEBIAN, "-", QUERIES),
    ("query-patched", "swift", "-", QUERIES),
    ("query-without-attr", "swift", "RDMAV_SWIFT=-attr", QUERIES),
    ("reopen-stock", DEBIAN, "-", REOPEN),
    ("reopen-patched", "swift", "-", REOPEN),
    ("reopen-reuse", "swift", "RDMAV_SWIFT_REUSE=16", REOPEN),
)  # fmt: skip
SHOWN = [EXEC_TO_MAIN, "get_device_list", "open_device", MAIN_TO_READY, TOTAL]
OTHERS_SHOWN = (["first_query", "later_query"], ["first", "later"])


def compile_programs(paths: Paths, target: Path) -> None:
    """The programs, by this host's compiler: ordinary ones, that know nothing of the patches."""
    ensure_programs(paths, [Program("cc", ("gcc", "libc6-dev"))])
    if not HEADER.exists():
        install(paths, ["libibverbs-dev"])
    target.mkdir()
    for name, (source, options) in PROGRAMS.items():
        argv = ["cc", "-O2", "-Wall", str(HERE / f"{source}.c"), "-o", str(target / name)]
        commands.run([*argv, *options], paths.logs / "benchmark.log", what=f"compiling {name}")


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
    """The ratios that are asked for, of minima and of medians."""
    stock, patched, floor = summary["stock"], summary["patched"], summary["floor"]
    return [
        f"exec to RTS: {_ratios(patched, floor, TOTAL)} of the floor (stock"
        f" {_ratios(stock, floor, TOTAL)}); wanted 1.2 or less",
        f"ibv_get_device_list: {_ratios(stock, patched, 'get_device_list')} times faster than"
        " stock; wanted 20",
        f"main() to RTS: {_ratios(stock, patched, MAIN_TO_READY)} times faster than stock; wanted"
        f" 7 (the floor: {_ratios(stock, floor, MAIN_TO_READY)})",
    ]


def _ratios(over: dict[str, Spread], under: dict[str, Spread], stage: str) -> str:
    minima = over[stage].minimum / under[stage].minimum
    medians = over[stage].median / under[stage].median
    return f"{minima:.2f} by minima, {medians:.2f} by medians"


def write_report(summary: Summary, directory: Path, name: str) -> None:
    """NAME.json and NAME.svg."""
    directory.mkdir(parents=True, exist_ok=True)
    report = {run: {stage: asdict(s) for stage, s in row.items()} for run, row in summary.items()}
    (directory / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    title = "Cold C program, exec to RTS, net of its own buffer (ms)"
    (directory / f"{name}.svg").write_text(bars(summary, TOTAL, title))


def main() -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument(
        "--realtime", action="store_true", help="the machine's processors before all else (root)"
    )
    parser.add_argument(
        "--on", choices=[MEMORY, OVERLAY], default=MEMORY, help="what the programs' roots are on"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    arguments = parser.parse_args()
    stack = Stack()
    try:
        with exclusive(stack.paths):
            stack.up(["machine"], sys.stderr)
        machine = stack.machine
        exclude = ["./usr/share", "./usr/lib/python3*"]
        with Roots(machine, VARIANTS, exclude, arguments.on):
            push_programs(machine, stack.paths)
            with RealTime(stack.paths, arguments.realtime):
                summary = measure(machine, arguments.rounds)
    except (DevstackError, ValueError) as error:
        print(f"control_plane.py: {error}", file=sys.stderr)
        return 1
    suffix = "" if arguments.on == MEMORY else f"-{arguments.on}"
    write_report(summary, arguments.out, f"control-plane{suffix}")
    print(table({name: row for name, row in summary.items() if TOTAL in row}, SHOWN))
    for stages in OTHERS_SHOWN:
        print(table({name: row for name, row in summary.items() if stages[0] in row}, stages))
    print("\n".join(verdicts(summary)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
