#!/usr/bin/env python3
"""How mlx5 looks for a Sandy Bridge at each open: stock reads /proc/cpuinfo, patch 0008 asks CPUID.

    cpuinfo.py [--times 2000] [--out DIRECTORY]

Times both by themselves (cpuinfo.c), on this host: the file as the kernel makes it, and as LXCFS
serves it to a container, by FUSE. Needs root, installs lxcfs. Writes cpuinfo.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from summary import Spread  # noqa: E402  # the path above comes first

from devstack import commands  # noqa: E402
from devstack.errors import DevstackError  # noqa: E402
from devstack.machine.privilege import as_root  # noqa: E402
from devstack.packages import Program, ensure_programs  # noqa: E402
from devstack.paths import Paths  # noqa: E402

_PLAIN = Path("/proc/cpuinfo")
_PROGRAMS = (Program("cc", ("gcc", "libc6-dev")), Program("lxcfs", ("lxcfs",)))
_DEADLINE_S = 20.0


@contextmanager
def served_by_lxcfs(directory: Path, log: Path) -> Iterator[Path]:
    """LXCFS on ``directory``; its /proc/cpuinfo."""
    file = directory / "proc" / "cpuinfo"
    with log.open("ab") as said:
        server = subprocess.Popen(
            as_root(["lxcfs", "--foreground", str(directory)]), stdout=said, stderr=said
        )
    try:
        deadline = time.monotonic() + _DEADLINE_S
        while not file.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise DevstackError(f"lxcfs does not serve {directory}: see {log}")
            time.sleep(0.05)
        yield file
    finally:
        commands.output_of(as_root(["umount", str(directory)]))
        server.terminate()
        server.wait()


def measure(program: Path, times: int, files: dict[str, Path]) -> dict[str, Spread]:
    """The function by CPUID and on each of ``files``, in microseconds."""
    argv = [str(program), str(times), *map(str, files.values())]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise DevstackError(f"{program.name} ended with status {done.returncode}")
    names = {"instruction": "cpuid", **{str(path): name for name, path in files.items()}}
    found = {}
    for line in done.stdout.splitlines():
        _, name, _, low, _, middle, _, high = line.split()
        found[names[name]] = Spread(float(low), float(middle), float(high))
    return found


def main() -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    arguments = parser.parse_args()
    paths = Paths.find()
    paths.create()
    log = paths.logs / "benchmark.log"
    try:
        ensure_programs(paths, _PROGRAMS)
        with tempfile.TemporaryDirectory() as name:
            program, served = Path(name) / "cpuinfo", Path(name) / "lxcfs"
            served.mkdir()
            source = str(HERE / "cpuinfo.c")
            commands.run(["cc", "-O2", source, "-o", str(program)], log, what="compiling cpuinfo.c")
            with served_by_lxcfs(served, log) as file:
                found = measure(program, arguments.times, {"proc": _PLAIN, "lxcfs": file})
    except DevstackError as error:
        print(f"cpuinfo.py: {error}", file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = {name: asdict(spread) for name, spread in found.items()}
    report_file = arguments.out / "cpuinfo.json"
    report_file.write_text(json.dumps({"processors": os.cpu_count(), **report}, indent=1) + "\n")
    for name, spread in found.items():
        print(f"{name:6} {spread.minimum:.1f}/{spread.median:.1f}/{spread.maximum:.1f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
