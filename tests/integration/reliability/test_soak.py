"""Thousands of warm activations leave memory, files, threads and processes as they were."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.reliability.conftest import MakeWorld, World
from tests.integration.reliability.process import resident_bytes
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]

ACTIVATIONS = int(os.environ.get("SWIFT_SOAK_ACTIVATIONS", "1000"))
"""``make soak`` has 10,000."""
WARM_UP = 500
"""Before the first look: pools of threads and connections are as large as this load makes them."""
IN_FLIGHT = 8
LOOKS = 10
NOTHING = "def main(args):\n    print('a line')\n    return {}\n"

# What may come and go at any moment: a connection, a thread of a pool that had been idle.
FEW_FILES = 8
FEW_THREADS = 4
FEW_BYTES = 6 * 1024 * 1024
"""The ids that are remembered against repetition, and what the allocator keeps of a busy moment."""


@dataclass(frozen=True)
class Look:
    """What the process holds after so many activations."""

    activations: int
    seconds: float
    resident: int
    files: int
    threads: int
    children: int
    containers: int

    @classmethod
    def at(cls, world: World, activations: int, began: float) -> Look:
        place = Path(f"/proc/{world.invoker.pid}")
        children = [(one / "children").read_text().split() for one in (place / "task").iterdir()]
        return cls(
            activations,
            time.monotonic() - began,
            resident_bytes(world.invoker.pid),
            len(list((place / "fd").iterdir())),
            len(list((place / "task").iterdir())),
            sum(map(len, children)),
            len(world.surroundings.containers(all_states=True)),
        )

    def __str__(self) -> str:
        cells = (
            self.activations, f"{self.seconds:.0f}", f"{self.resident / 2**20:.1f}",
            self.files, self.threads, self.children, self.containers,
        )  # fmt: skip
        return "| " + " | ".join(map(str, cells)) + " |"


def test_memory_files_threads_and_processes_stay_flat(make_world: MakeWorld) -> None:
    world = make_world()
    revision = world.surroundings.add_action("nothing", NOTHING)
    began = time.monotonic()
    ids = _run(world, revision, WARM_UP)
    looks = [Look.at(world, len(ids), began)]
    for _ in range(LOOKS):
        ids += _run(world, revision, ACTIVATIONS // LOOKS)
        looks.append(Look.at(world, len(ids), began))
    print(
        "", "| activations | s | resident, MB | files | threads | children | containers |", sep="\n"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |", *looks, sep="\n")

    first, rest = looks[0], looks[1:]
    assert max(look.files for look in rest) <= first.files + FEW_FILES
    assert max(look.threads for look in rest) <= first.threads + FEW_THREADS
    assert {look.children for look in looks} == {0}
    assert max(look.containers for look in looks) <= 4
    assert rest[-1].resident <= first.resident + FEW_BYTES
    eventually(lambda: world.has_all_records(ids[-IN_FLIGHT:]), "the last records", 60)
    assert all(len(world.caller.completions(one)) == 1 for one in ids)
    assert world.invoker.stop() == 0
    assert world.invoker.waiting_files == []


def _run(world: World, revision: str, count: int) -> list[str]:
    """Run so many, ``IN_FLIGHT`` at once, every other one of them blocking."""
    ids: list[str] = []
    open_ids: set[str] = set()
    deadline = time.monotonic() + 60 + count
    while len(ids) < count or open_ids:
        assert time.monotonic() < deadline, f"{len(ids)} sent, {len(open_ids)} not completed"
        open_ids = {one for one in open_ids if not world.caller.completions(one)}
        while len(open_ids) < IN_FLIGHT and len(ids) < count:
            blocking = len(ids) % 2 == 0
            ids.append(world.caller.invoke("nothing", revision, {}, blocking))
            open_ids.add(ids[-1])
        time.sleep(0.001)
    return ids
