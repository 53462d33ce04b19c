"""The journal of what was handed over: no commit is waited for, nothing runs twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoker_plugin.bus.feed import MessageFeed
from invoker_plugin.bus.interface import Message
from invoker_plugin.bus.journal import Journal
from invoker_plugin.bus.memory import MemoryBus, MemoryConsumer
from invoker_plugin.errors import SystemFault
from tests.unit.bus.test_feed import TOPIC, until

BROKERS = ("127.0.0.1:9092",)


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invoker_plugin.bus.feed.LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr("invoker_plugin.bus.feed.COMMIT_PAUSE_S", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def reopened(journal: Journal) -> tuple[int, int]:
    """What another process would find."""
    journal.close()
    again = Journal(journal._path)
    found = again.offset_after, again.newest_ms
    again.close()
    return found


def test_a_new_journal_knows_of_nothing(path: Path) -> None:
    journal = Journal(path)
    assert (journal.offset_after, journal.newest_ms) == (0, 0)
    assert reopened(journal) == (0, 0)


@settings(deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, 2**63), st.integers(0, 2**63)), min_size=1))
def test_the_last_place_is_found_again(
    places: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "one")
    for place in places:
        journal.write(*place)
    assert reopened(journal) == places[-1]


@pytest.mark.parametrize("content", [b"short", b"x" * 28, b"y" * 400])
def test_a_spoilt_journal_is_said_to_be_so(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(content)
    with caplog.at_level(logging.ERROR):
        journal = Journal(path)
    assert (journal.offset_after, journal.newest_ms) == (0, 0)
    assert "journal-unreadable" in caplog.text
    journal.close()


def test_two_processes_of_one_host_cannot_have_it(tmp_path: Path) -> None:
    first = Journal.of(str(tmp_path), TOPIC, BROKERS)
    assert first is not None
    with pytest.raises(SystemFault, match="two invokers have one number"):
        Journal.of(str(tmp_path), TOPIC, BROKERS)
    other_cluster = Journal.of(str(tmp_path), TOPIC, ("elsewhere:9092",))
    assert other_cluster is not None
    other_cluster.close()
    first.close()


def test_a_directory_of_no_use_is_said_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert Journal.of(str(file), TOPIC, BROKERS) is None
    assert "journal-not-kept" in caplog.text


class StuckConsumer(MemoryConsumer):
    """Its commits get no answer while ``stuck``."""

    def __init__(self, bus: MemoryBus) -> None:
        super().__init__(bus, TOPIC, TOPIC)
        self.stuck = True

    async def commit(self, offset_after: int) -> None:
        if self.stuck:
            raise SystemFault("no broker answers")
        await super().commit(offset_after)


class Process:
    """A feed with its journal, as one process has them. ``seen`` outlives it."""

    def __init__(self, bus: MemoryBus, path: Path, seen: list[int], stuck: bool = False) -> None:
        self.bus = bus
        self.journal = Journal(path)
        self.consumer = StuckConsumer(bus)
        self.consumer.stuck = stuck
        self.feed = MessageFeed(self.consumer, self.note, 100, 2, self.journal)
        self.dead = False
        self.seen = seen
        self.running = asyncio.ensure_future(self.feed.run())

    def note(self, message: Message) -> None:
        assert not self.dead
        self.seen.append(int(message.value))

    async def die(self) -> None:
        """End without another commit, as a killed process does."""
        await asyncio.sleep(0)  # what was handed over has begun
        self.consumer.stuck = True
        self.feed.stop()
        await self.running
        self.dead = True
        self.journal.close()


async def test_nothing_waits_for_a_commit_and_a_crash_before_it_runs_nothing_twice(
    path: Path,
) -> None:
    bus, seen = MemoryBus(), list[int]()
    process = Process(bus, path, seen, stuck=True)
    for number in range(5):
        bus.put(TOPIC, b"%d" % number)
    await until(lambda: seen == [0, 1, 2, 3, 4])
    assert bus.committed == {}
    await process.die()
    bus.put(TOPIC, b"5")
    process = Process(bus, path, seen)
    await until(lambda: seen == [0, 1, 2, 3, 4, 5])
    await until(lambda: bus.committed.get((TOPIC, TOPIC)) == 6)
    await process.die()


async def test_what_was_handed_over_is_committed_at_the_end(path: Path) -> None:
    bus, seen = MemoryBus(), list[int]()
    process = Process(bus, path, seen)
    bus.put(TOPIC, b"0")
    await until(lambda: seen == [0])
    process.feed.stop()
    await process.running
    assert bus.committed[(TOPIC, TOPIC)] == 1
    process.journal.close()


async def test_a_topic_created_again_is_read_in_spite_of_the_journal(path: Path) -> None:
    bus, seen = MemoryBus(), list[int]()
    process = Process(bus, path, seen)
    for number in range(3):
        bus.put(TOPIC, b"%d" % number)
    await until(lambda: len(seen) == 3)
    await process.die()
    bus.recreate(TOPIC)
    bus.put(TOPIC, b"7")
    process = Process(bus, path, seen)
    await until(lambda: seen == [0, 1, 2, 7])
    await process.die()


async def test_a_journal_that_fails_is_given_up_and_commits_come_first_again(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bus = MemoryBus()
    committed: list[int | None] = []
    journal = Journal(path)

    def note(message: Message) -> None:
        committed.append(bus.committed.get((TOPIC, TOPIC)))

    journal.close()  # every write fails from now on
    feed = MessageFeed(bus.consumer(TOPIC, TOPIC, 1), note, 3, 1, journal)
    running = asyncio.ensure_future(feed.run())
    bus.put(TOPIC, b"0")
    await until(lambda: committed == [1])
    bus.put(TOPIC, b"1")
    await until(lambda: committed == [1, 2])
    assert "journal-failed" in caplog.text
    feed.stop()
    await running


_STEPS = st.lists(
    st.sampled_from(["put", "put", "turn", "turn", "poll-fails", "stuck", "crash"]), max_size=40
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return tmp_path_factory.mktemp("journals")


@settings(max_examples=100, deadline=None)
@given(steps=_STEPS)
def test_crashes_at_any_moment_lose_nothing_and_run_nothing_twice(
    steps: list[str], directory: Path
) -> None:
    (directory / "one").unlink(missing_ok=True)
    asyncio.run(_live_and_crash(steps, directory / "one"))


async def _live_and_crash(steps: list[str], path: Path) -> None:
    bus, seen, sent = MemoryBus(), list[int](), 0
    process = Process(bus, path, seen)
    for step in steps:
        if step == "put":
            bus.put(TOPIC, b"%d" % sent)
            sent += 1
        elif step == "poll-fails":
            bus.failing_polls = 1
        elif step == "stuck":
            process.consumer.stuck = not process.consumer.stuck
        elif step == "crash":
            await process.die()
            process = Process(bus, path, seen)
        await asyncio.sleep(0)
    bus.failing_polls = 0
    await until(lambda: len(seen) >= sent)
    await process.die()
    assert seen == list(range(sent))
