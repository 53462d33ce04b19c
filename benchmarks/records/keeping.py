"""What it costs an activation that its record is on disk before it is acknowledged.

    python -m benchmarks.records.keeping [--records N] [--directory DIRECTORY]

CPU time of this process for each record, in µs, in one run: records through the writer to a store
that answers at once, in memory only, with the spool, and with the spool and the stand-in that a
blocking activation gets before its logs are read. Then the spool's flushes to the disk (``sync``),
whose wall time is what the disk makes of it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.store.couch import CouchStore
from invoker_plugin.store.records import RecordWriter
from invoker_plugin.store.spool import Spool
from invoker_plugin.wire.limits import ActionLimits
from invoker_plugin.wire.record import ActivationRecord, annotations_of
from invoker_plugin.wire.response import ActivationResponse

ROUNDS = 5
_BATCH = 16
_LIMITS = {"timeout": 60000, "memory": 256, "logs": 10, "concurrency": 1}


class InstantStore(CouchStore):
    """Takes everything at once."""

    def __init__(self) -> None:
        """Connect to nothing."""

    async def write(self, database: str, documents: list[bytes]) -> list[dict[str, Any]]:
        """Say that all were stored."""
        return [{"ok": True} for _ in documents]


def record(number: int) -> ActivationRecord:
    """A record as a small action leaves it, with two lines of log."""
    line = "2026-11-22T15:45:21.354052469Z stdout: a line of some eighty columns, as programs write"
    return ActivationRecord(
        namespace="guest",
        name="echo",
        subject="guest",
        activation_id=f"{number:032x}",
        version="0.0.1",
        start_ms=1_795_362_321_342,
        end_ms=1_795_362_321_355,
        duration_ms=13,
        response=ActivationResponse.success({"number": number, "text": "x" * 200}, 230),
        logs=(line, line),
        annotations=annotations_of(
            path="guest/echo",
            wait_ms=1,
            kind="python:3",
            timed_out=False,
            limits=ActionLimits.parse(_LIMITS),
            swift={"start": "warm", "reason": None, "queue_ms": 0.4, "run_ms": 1.2},
        ),
    )


async def one_round(
    directory: Path | None, expect: bool, sync: bool, count: int
) -> tuple[float, float]:
    """CPU and wall time of one record, in µs."""
    spool = Spool(directory, 2**30, 10**6, sync) if directory is not None else None
    writer = RecordWriter(InstantStore(), "activations", StoreSettings(), spool)
    await writer.start()
    records = [record(number) for number in range(count)]
    began_cpu, began = time.process_time(), time.perf_counter()
    for first in range(0, count, _BATCH):

        async def one(item: ActivationRecord) -> None:
            if expect:
                await writer.expect(item)
            await writer.store(item)

        await asyncio.gather(*(one(item) for item in records[first : first + _BATCH]))
    await writer.close()
    cpu, wall = time.process_time() - began_cpu, time.perf_counter() - began
    assert writer.stored == count
    return cpu / count * 1e6, wall / count * 1e6


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000)
    parser.add_argument("--directory", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as name:
        spool = Path(name)
        ways = {
            "memory only": (None, False, False),
            "spool": (spool, False, False),
            "spool, blocking with logs": (spool, True, False),
            "spool with sync": (spool, False, True),
        }
        print(f"| {arguments.records} records, {_BATCH} at once | CPU, µs | wall, µs |")
        print("| --- | --- | --- |")
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(ROUNDS):  # in turn, so that what else runs here spreads over all
            for way, (directory, expect, sync) in ways.items():
                count = arguments.records // 10 if sync else arguments.records
                found[way].append(asyncio.run(one_round(directory, expect, sync, count)))
        for way, rounds in found.items():
            cpu, wall = (statistics.median(values) for values in zip(*rounds, strict=True))
            print(f"| {way} | {cpu:.0f} | {wall:.0f} |")


if __name__ == "__main__":
    main()
