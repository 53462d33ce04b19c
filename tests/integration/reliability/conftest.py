"""One invoker process between a controller's stand-in and real services that may be stopped."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devstack.errors import DevstackError
from devstack.paths import Paths
from devstack.stack import Stack
from tests.integration.reliability.caller import Caller
from tests.integration.reliability.process import InvokerProcess
from tests.integration.reliability.surroundings import Surroundings

NOTING = """
import os, time

def main(args):
    note = os.open("/seen/" + args["id"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    os.write(note, b"x")
    os.close(note)
    print("seen", args["id"], "x" * args.get("log_bytes", 0))
    time.sleep(args.get("sleep_s", 0))
    return {"id": args["id"]}
"""
"""An action that leaves a mark for each time it ran."""


@dataclass
class World:
    """What a test has: the services, the caller, the invoker, an action that notes its runs."""

    surroundings: Surroundings
    caller: Caller
    invoker: InvokerProcess
    revision: str

    def invoke(self, count: int = 1, blocking: bool = False, **content: Any) -> list[str]:
        """Send activations of the noting action; their ids."""
        send = self.caller.invoke
        return [send("noting", self.revision, content, blocking) for _ in range(count)]

    def runs(self, activation_id: str) -> int:
        """How often the activation ran."""
        note = self.invoker.seen / activation_id
        return note.stat().st_size if note.exists() else 0

    def assert_each_ran_once(self, ids: list[str]) -> None:
        """None twice, none never."""
        runs = {one: self.runs(one) for one in ids}
        assert {one: count for one, count in runs.items() if count != 1} == {}

    def assert_each_has_its_record(self, ids: list[str]) -> None:
        """In the store, with the result, written once."""
        records = self.surroundings.records(ids)
        assert sorted(records) == sorted(ids)
        for one, record in records.items():
            assert record["_rev"].startswith("1-")
            assert record["response"]["result"] == {"id": one}, record

    def has_all_records(self, ids: list[str]) -> bool:
        """Whether the store has a record of each."""
        return len(self.surroundings.records(ids)) == len(ids)


@pytest.fixture(scope="session")
def surroundings(
    devstack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Surroundings]:
    """Kafka, store and engine of our own, started once for all tests here."""
    try:
        made = Surroundings(Paths(tmp_path_factory.mktemp("reliability")), devstack)
        made.up()
    except DevstackError as error:
        pytest.fail(f"services for the tests of reliability cannot be had: {error}", pytrace=False)
    try:
        yield made
    finally:
        made.down()


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(surroundings: Surroundings, tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes a world, whose invoker is started with the settings that are given."""
    made: list[World] = []
    # Not pytest's own directory: its path is too long for a socket's.
    sockets = Path(tempfile.mkdtemp(prefix="swift-"))

    def make(start: bool = True, **settings: Any) -> World:
        prefix = f"{uuid.uuid4().hex[:12]}-"
        caller = Caller(surroundings.kafka.hosts, prefix)
        invoker = InvokerProcess(
            tmp_path,
            surroundings,
            prefix,
            sockets,
            {name.replace("__", "."): value for name, value in settings.items()},
        )
        world = World(surroundings, caller, invoker, surroundings.add_action("noting", NOTING))
        caller.start()
        made.append(world)
        if start:
            invoker.start()
        return world

    yield make
    for world in made:
        world.invoker.kill()
        world.caller.stop()
    for container in surroundings.containers(all_states=True):
        surroundings.docker().remove_container(container["Id"], force=True)
    shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world whose invoker is up."""
    return make_world()
