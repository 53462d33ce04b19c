#!/usr/bin/env python3
"""Cold starts of one image, in turn in one run: the stock invoker's way, ours, ours with networks.

    cold.py [--rounds 15] [--burst 16] [--burst-rounds 3] [--out DIRECTORY]

Docker Engine: that of DOCKER_HOST, else the devstack's, which is brought up. Prints a table, writes
cold.json and cold.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "warm"), str(HERE.parent.parent)]

import image  # noqa: E402  # the paths come first
from ours import OurStarts  # noqa: E402
from plot import chart  # noqa: E402
from stock import StockStarts  # noqa: E402

from devstack.lock import exclusive  # noqa: E402
from devstack.machine_parts import engine_part  # noqa: E402
from devstack.stack import Stack  # noqa: E402

Starts = StockStarts | OurStarts
BODY = json.dumps(
    {"value": {"code": "def main(args):\n    return args\n", "main": "main"}}
).encode()
STOCK, OURS, READY = "stock's way", "ours", "ours, network ready"
PARALLEL_RUNS = 10
PARALLELS = (4, 8)


def docker_host() -> str:
    """The engine's address."""
    given = os.environ.get("DOCKER_HOST")
    if given:
        return given
    stack = Stack()
    with exclusive(stack.paths):
        stack.up(["engine"])
    return str(engine_part(stack.paths).environment()["DOCKER_HOST"])


class Bench:
    """All ways of one run, on one engine and one image."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._image = image.ensure(host)
        self._mark = secrets.token_hex(3)
        self._count = 0

    async def singles(self, rounds: int) -> dict[str, list[tuple[float, float]]]:
        """One cold start after the other, the ways in turn, each first as often as the others."""
        ways: dict[str, Starts] = {
            STOCK: StockStarts(self._host, self._image),
            OURS: self._ours(0, PARALLEL_RUNS),
            READY: self._ours(1, PARALLEL_RUNS),
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        try:
            await _begin(ways.values())
            for number in range(rounds + 1):
                names = list(ways)
                for name in names[number % 3 :] + names[: number % 3]:
                    took = await self._one(ways[name])
                    if number:  # the first of each is the warm-up
                        found[name].append(took)
        finally:
            await _end(ways.values())
        return found

    async def bursts(self, size: int, rounds: int) -> dict[str, list[dict[str, float]]]:
        """``size`` cold starts at once, the ways in turn."""
        ways: dict[str, Starts] = {
            f"{STOCK}, 10 runs at once": StockStarts(self._host, self._image, PARALLEL_RUNS)
        }
        for parallel in (*PARALLELS, PARALLEL_RUNS):
            ways[f"{OURS}, {parallel} at once"] = self._ours(0, parallel)
        ways[f"{READY}, {PARALLEL_RUNS} at once"] = self._ours(size, PARALLEL_RUNS)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        try:
            await _begin(ways.values())
            for _ in range(rounds):
                for name, way in ways.items():
                    found[name].append(await self._burst(way, size))
        finally:
            await _end(ways.values())
        return found

    async def _one(self, way: Starts) -> tuple[float, float]:
        name = self._name(way)
        await _ready(way)
        took = await way.start(name, BODY)
        await way.remove([name])
        return took

    async def _burst(self, way: Starts, size: int) -> dict[str, float]:
        names = [self._name(way) for _ in range(size)]
        await _ready(way)
        began_s = time.perf_counter()
        took = await asyncio.gather(*(way.start(name, BODY) for name in names))
        whole_s = time.perf_counter() - began_s
        await way.remove(names)
        return {"all_ms": _ms(whole_s), "median_ms": _ms(statistics.median(t for _, t in took))}

    def _ours(self, ready_networks: int, parallel_runs: int) -> OurStarts:
        prefix = f"wskbench{self._mark}{secrets.token_hex(2)}_"
        return OurStarts(self._host, self._image, prefix, ready_networks, parallel_runs)

    def _name(self, way: Starts) -> str:
        self._count += 1
        prefix = way.prefix if isinstance(way, OurStarts) else f"stockbench{self._mark}_"
        return f"{prefix}{self._count}_guest_noop"


async def _ready(way: Starts) -> None:
    if isinstance(way, OurStarts):
        await way.full()


async def _begin(ways: Any) -> None:
    for way in ways:
        if isinstance(way, OurStarts):
            await way.factory.start()


async def _end(ways: Any) -> None:
    for way in ways:
        if isinstance(way, OurStarts):
            await way.factory.clean_up()
            await way.factory.close()


def summary(singles: dict[str, list[tuple[float, float]]]) -> dict[str, dict[str, float]]:
    """Medians and minima in ms, and the ratio of each way's medians to stock's."""
    told: dict[str, dict[str, float]] = {}
    for name, took in singles.items():
        made, whole = [_ms(one) for one, _ in took], [_ms(one) for _, one in took]
        told[name] = {
            "made_p50_ms": round(statistics.median(made), 1),
            "made_min_ms": min(made),
            "init_p50_ms": round(statistics.median(whole), 1),
            "init_min_ms": min(whole),
        }
    for one in told.values():
        one["made_ratio"] = round(one["made_p50_ms"] / told[STOCK]["made_p50_ms"], 3)
        one["init_ratio"] = round(one["init_p50_ms"] / told[STOCK]["init_p50_ms"], 3)
    return told


def table(report: dict[str, Any]) -> str:
    """What a person reads."""
    lines = [
        "one cold start (ms)        made p50 / min     ratio   to the answer of /init     ratio"
    ]
    for name, one in report["one"].items():
        lines.append(
            f"  {name:<26} {one['made_p50_ms']:>7.0f} / {one['made_min_ms']:<7.0f}"
            f"  {one['made_ratio']:>5.2f}   {one['init_p50_ms']:>10.0f} / "
            f"{one['init_min_ms']:<7.0f}      {one['init_ratio']:>6.2f}"
        )
    for size, ways in report["burst"].items():
        lines.append(f"{size} at once (ms)              all done, each round")
        for name, rounds in ways.items():
            lines.append(f"  {name:<34} " + "  ".join(f"{one['all_ms']:.0f}" for one in rounds))
    return "\n".join(lines)


def plotted(report: dict[str, Any]) -> str:
    """The chart."""
    one = report["one"]
    panels = [
        ("one start: ms until made (median)", [(n, v["made_p50_ms"]) for n, v in one.items()]),
        ("one start: ms to /init's answer", [(n, v["init_p50_ms"]) for n, v in one.items()]),
    ]
    for size, ways in report["burst"].items():
        rows = [
            (name, statistics.median(one["all_ms"] for one in rounds))
            for name, rounds in ways.items()
            if rounds
        ]
        panels.append((f"{size} at once: ms until all answered /init (median)", rows))
    return chart("Cold starts of one image on one Docker Engine", panels)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


async def measure(rounds: int, burst: int, burst_rounds: int) -> dict[str, Any]:
    """The whole run."""
    bench = Bench(docker_host())
    singles = await bench.singles(rounds)
    bursts = await bench.bursts(burst, burst_rounds) if burst_rounds else {}
    return {
        "machine": {"cpus": os.cpu_count(), "load": os.getloadavg()},
        "rounds": rounds,
        "one": summary(singles),
        "burst": {str(burst): bursts} if bursts else {},
        "singles_ms": {n: [[_ms(m), _ms(w)] for m, w in took] for n, took in singles.items()},
    }


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--burst", type=int, default=16)
    parser.add_argument("--burst-rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    report = asyncio.run(measure(arguments.rounds, arguments.burst, arguments.burst_rounds))
    print(table(report))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "cold.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "cold.svg").write_text(plotted(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
