#!/usr/bin/env python3
"""What the invoker adds to a warm activation: latency, throughput, CPU, memory, where time goes.

    warm.py [--activations 3000] [--levels 1,4,16,64] [--real] [--no-profile] [--out DIRECTORY]

One real invoker process and one load generator, which plays broker, store and container. With
``--real`` a second run goes through the devstack's own Kafka and store (brought up where they are
not). Prints a table, writes warm.json and warm.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

from action import DOCUMENT, MANIFEST, MEMORY_MB, Messages  # noqa: E402  # the paths come first
from load import Load  # noqa: E402
from plot import levels_chart  # noqa: E402
from process import InvokerProcess  # noqa: E402
from simulation import Broker, Container, Store  # noqa: E402
from where import by_module  # noqa: E402

SLOTS = 64
WARM_UP = 300
START_S = 60.0
LEVEL_S = 300.0
PROFILED_IN_FLIGHT = 16
SIMULATED = "bus, store and container simulated"
REAL = "Kafka and store of the devstack, container simulated"
NO_JOURNAL = ", no journal: each batch waits for its commit"


class Bench:
    """One invoker with all that it needs, in a directory of its own."""

    def __init__(self, directory: Path, journal: bool, profile: Path | None = None) -> None:
        self.directory = directory
        self._journal = journal
        self._profile = profile
        self.load = Load(lambda activation_id: self.put(self.messages.of(activation_id)))
        self.messages = Messages(str(DOCUMENT["_rev"]))
        self.store = Store(DOCUMENT)
        self.container = Container(SLOTS)
        self.broker: Any = None

    def put(self, message: bytes) -> None:
        """Send an activation message."""
        self.broker.put(message)

    async def run(
        self, levels: list[int], activations: int, real: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Bring all up, go through the levels, and take all down."""
        directory = self.directory
        stub = await self.container.listen(f"{directory}/stub.sock")
        arguments = ["--stub", f"{directory}/stub.sock", "--config", f"{directory}/settings.toml"]
        servers: list[asyncio.AbstractServer] = [stub]
        one_way_ms = None
        if real is None:
            self.broker = Broker(self.load.acked)
            servers.append(await self.broker.listen(f"{directory}/bus.sock"))
            server, port = await self.store.listen()
            servers.append(server)
            arguments += ["--bus", f"{directory}/bus.sock"]
            store = {"host": "127.0.0.1", "port": port, "username": "", "password": ""}
            store |= {"subjects": "subjects", "actions": "whisks", "activations": "activations"}
            kafka = {"hosts": ["127.0.0.1:1"]}
        else:
            from real import RealBroker, put_action

            store, prefix = real["store"], f"warm{secrets.token_hex(4)}-"
            self.messages = Messages(put_action(store))
            self.broker = RealBroker(real["hosts"], prefix, self.load.acked)
            one_way_ms = await self.broker.one_way_ms(100)
            kafka = {"hosts": real["hosts"].split(","), "topic_prefix": prefix}
        self._write_settings(kafka, store)
        if self._profile is not None:
            arguments += ["--profile", str(self._profile)]
        environment = {"RUNTIMES_MANIFEST": json.dumps(MANIFEST)}
        invoker = InvokerProcess(arguments, directory / "invoker.log", environment)
        try:
            found = await self._measure(invoker, levels, activations)
        finally:
            await asyncio.get_running_loop().run_in_executor(None, invoker.end)
            for server in servers:
                server.close()
            if real is not None:
                self.broker.close()
        if one_way_ms is not None:
            found["kafka_one_way_p50_ms"] = one_way_ms
        return found

    async def _measure(
        self, invoker: InvokerProcess, levels: list[int], activations: int
    ) -> dict[str, Any]:
        await asyncio.wait_for(self.broker.subscribed.wait(), START_S)
        warm_up = [
            await self.load.run(count, WARM_UP, invoker.cpu_s, START_S) for count in (1, SLOTS)
        ]
        began_mb = invoker.memory_mb()["now"]
        found = [
            # One at a time takes longest and needs the fewest to say what it takes.
            await self.load.run(
                level, activations if level > 1 else activations // 3, invoker.cpu_s, LEVEL_S
            )
            for level in levels
        ]
        return {
            "levels": [asdict(level) for level in found],
            "activations": sum(level.activations for level in [*warm_up, *found]),
            "memory_mb": {"before": began_mb, **invoker.memory_mb()},
        }

    def _write_settings(self, kafka: dict[str, Any], store: dict[str, Any]) -> None:
        memory_mb = MEMORY_MB * (SLOTS + 1) * 2
        journal = f"{self.directory}/journal" if self._journal else ""
        sections = {
            "kafka": {**kafka, "journal_directory": journal},
            "store": store,
            "pool": {"user_memory_mb": memory_mb, "slots": SLOTS},
            "containers": {"socket_root": f"{self.directory}/s"},
            "server": {"port": 0},
        }
        lines = []
        for name, section in sections.items():
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in section.items()]
        (self.directory / "settings.toml").write_text("\n".join(lines) + "\n")


def measure(
    name: str,
    levels: list[int],
    activations: int,
    real: dict[str, Any] | None = None,
    journal: bool = True,
    profile: Path | None = None,
) -> dict[str, Any]:
    """One run in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="warm-") as directory:
        bench = Bench(Path(directory), journal, profile)
        try:
            found = asyncio.run(bench.run(levels, activations, real))
        except BaseException:
            log = Path(directory, "invoker.log")
            if log.exists():
                sys.stderr.write(log.read_text()[-3000:])
            raise
    return {"name": name, **found}


def table(runs: list[dict[str, Any]]) -> str:
    """What a person reads."""
    lines = []
    for run in runs:
        lines.append(run["name"])
        lines.append(
            "  in flight   per s   answer p50 / p99 ms   place free p50 ms   CPU ms each / least"
        )
        for level in run["levels"]:
            lines.append(
                f"  {level['in_flight']:>9} {level['per_second']:>7.0f}"
                f"   {level['answer_p50_ms']:>8.2f} / {level['answer_p99_ms']:<8.2f}"
                f"   {level['free_p50_ms']:>17.2f}   {level['cpu_ms_each']:>11.3f}"
                f" / {level['cpu_ms_least']:.3f}"
            )
        memory = run["memory_mb"]
        lines.append(f"  resident memory: {memory['now']} MB, {memory['most']} MB at most")
        if "kafka_one_way_p50_ms" in run:
            lines.append(f"  Kafka alone, one way: {run['kafka_one_way_p50_ms']} ms")
    return "\n".join(lines)


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--activations", type=int, default=3000)
    parser.add_argument("--levels", default="1,4,16,64")
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--no-profile", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    levels = [int(level) for level in arguments.levels.split(",")]
    runs = [measure(SIMULATED, levels, arguments.activations)]
    if arguments.real:
        from real import bring_up

        hosts, store = bring_up()
        real = {"hosts": hosts, "store": store}
        runs.append(measure(REAL, levels, arguments.activations, real))
        runs.append(measure(REAL + NO_JOURNAL, levels, arguments.activations, real, journal=False))
    report: dict[str, Any] = {
        "machine": {"cpus": os.cpu_count(), "load": os.getloadavg(), "python": sys.version},
        "runs": runs,
    }
    print(table(runs))
    if not arguments.no_profile:
        with tempfile.TemporaryDirectory(prefix="warm-profile-") as directory:
            file = Path(directory, "profile")
            profiled = measure(
                "profiled", [PROFILED_IN_FLIGHT], arguments.activations, profile=file
            )
            report["profile"] = by_module(file, profiled["activations"])
        print(f"\nwhere the event loop's time goes, {PROFILED_IN_FLIGHT} in flight (cProfile)")
        for row in report["profile"][:25]:
            print(f"  {row['share']:>6.1%} {row['us_each']:>7} us  {row['module']}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "warm.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "warm.svg").write_text(levels_chart(runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
