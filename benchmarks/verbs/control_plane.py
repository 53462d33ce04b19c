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
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from plot import bars
from summary import EXEC_TO_MAIN, MAIN_TO_READY, TOTAL, Spread, Summary, summarize, table

from devstack import commands
from devstack.errors import DevstackError
from devstack.machine import RdmaMachine, open_machine
from devstack.packages import Program, ensure_programs
from devstack.paths import Paths

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "patches" / "rdma-core" / "build.py"
PROGRAMS = {"floor": [], "control_plane": ["-libverbs"], "interleave": [], "reopen": ["-libverbs"]}
DEVICE, DEVICE_FILE, GID_INDEX, TIMES = "rxe0", "/dev/infiniband/uverbs0", "1", "30"
REMOTE = "/run/verbs-benchmark"
# of the root with compilers: what a program of ours needs to start
BASE_FILES = (
    "./lib64", "./lib", "./usr/lib64", "./usr/lib/x86_64-linux-gnu/ld-linux*",
    "./usr/lib/x86_64-linux-gnu/libc.so*", "./usr/lib/x86_64-linux-gnu/libnl-*",
)  # fmt: skip
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


def compile_programs(paths: Paths, target: Path) -> None:
    """The programs, by this host's compiler: ordinary ones, that know nothing of the patches."""
    compiler = Program("cc", ("gcc", "libc6-dev"))
    header = Program("ibv_devices", ("ibverbs-utils", "libibverbs-dev"))
    ensure_programs(paths, [compiler, header])
    target.mkdir()
    for name, libraries in PROGRAMS.items():
        argv = ["cc", "-O2", "-Wall", str(HERE / f"{name}.c"), "-o", str(target / name)]
        commands.run([*argv, *libraries], paths.logs / "benchmark.log", what=f"compiling {name}.c")


def make_root(variant: str, programs: Path, root: Path) -> None:
    """A root file system with one variant of rdma-core and the programs."""
    built = subprocess.run(
        [sys.executable, str(BUILD), variant], stdout=subprocess.PIPE, text=True, check=False
    )
    if built.returncode:
        raise DevstackError(f"{BUILD.name} {variant} failed")
    archive = Path(built.stdout.strip())
    [base] = archive.parent.glob("base-*.tar")
    for directory in ("dev", "sys", "proc", "run", "tmp"):
        (root / directory).mkdir(parents=True)
    _unpack(base, root, "--wildcards", *BASE_FILES)
    _unpack(archive, root, "--exclude=./usr/share", "--exclude=./usr/lib/python3")
    subprocess.run(["cp", "-r", str(programs), str(root / "bench")], check=True)


def _unpack(archive: Path, root: Path, *options: str) -> None:
    command = ["tar", "--extract", "--file", str(archive), "--directory", str(root)]
    subprocess.run([*command, "--keep-directory-symlink", *options], check=True)


def prepare(machine: RdmaMachine, paths: Paths) -> None:
    """The roots on the machine, in memory, with a fresh cache."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        compile_programs(paths, work / "programs")
        for variant in ("stock", "swift"):
            make_root(variant, work / "programs", work / "roots" / variant)
        (work / "roots/plan").write_text(
            "".join(f"{name} {REMOTE}/{root} {env} {run}\n" for name, root, env, run in PLAN)
        )
        packed = work / "roots.tar"
        subprocess.run(["tar", "-cf", str(packed), "-C", str(work / "roots"), "."], check=True)
        machine.run(["mkdir", "-p", REMOTE])
        machine.run(["mount", "-t", "tmpfs", "tmpfs", REMOTE])
        machine.push(packed, f"{REMOTE}/roots.tar")
    _script(machine, f"tar -xf {REMOTE}/roots.tar -C {REMOTE} && rm {REMOTE}/roots.tar")
    for variant in ("stock", "swift"):
        root = f"{REMOTE}/{variant}"
        for directory in ("dev", "sys", "proc", "run"):
            machine.run(["mount", "--bind", f"/{directory}", f"{root}/{directory}"])
        machine.run(["ldconfig", "-r", root])
    machine.run(["mkdir", "-p", "/run/swift-verbs"])
    machine.run(["chroot", f"{REMOTE}/swift", "/usr/bin/ibv_swift_cache", "build"])


def clean_up(machine: RdmaMachine) -> None:
    """Leave the machine as it was."""
    _script(machine, f"umount -R {REMOTE} && rmdir {REMOTE}")


def _script(machine: RdmaMachine, text: str) -> None:
    machine.run(["sh", "-c", text])


def measure(machine: RdmaMachine, rounds: int) -> Summary:
    """All variants in turn, ``rounds`` times."""
    argv = [f"{REMOTE}/stock/bench/interleave", str(rounds), f"{REMOTE}/plan"]
    return summarize(machine.run(argv).stdout.splitlines())


def verdicts(summary: Summary) -> list[str]:
    """The ratios that are asked for, from minima."""
    stock, patched, floor = summary["stock"], summary["patched"], summary["floor"]
    return [
        f"exec to RTS: {_ratio(patched, floor, TOTAL):.2f} x the floor (stock"
        f" {_ratio(stock, floor, TOTAL):.2f} x); wanted 1.2 x or less",
        f"ibv_get_device_list: {_ratio(stock, patched, 'get_device_list'):.1f} x faster than stock;"
        " wanted 20 x",
        f"main() to RTS: {_ratio(stock, patched, MAIN_TO_READY):.1f} x faster than stock;"
        " wanted 7 x",
    ]


def _ratio(over: dict[str, Spread], under: dict[str, Spread], stage: str) -> float:
    return over[stage].minimum / under[stage].minimum


def main() -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    arguments = parser.parse_args()
    paths = Paths.find()
    paths.create()
    machine = open_machine(paths)
    try:
        machine.up()
        prepare(machine, paths)
        try:
            summary = measure(machine, arguments.rounds)
        finally:
            clean_up(machine)
    except (DevstackError, ValueError) as error:
        print(f"control_plane.py: {error}", file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = {name: {stage: asdict(s) for stage, s in row.items()} for name, row in summary.items()}
    (arguments.out / "control-plane.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "control-plane.svg").write_text(
        bars(summary, TOTAL, "Cold C program, exec to RTS, net of its own buffer (ms)")
    )
    print(table(summary, SHOWN))
    print("\n".join(verdicts(summary)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
