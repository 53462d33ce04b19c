"""The feed's promises (behaviours 3 to 11), on the in-memory bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoker_plugin.bus.feed import MessageFeed
from invoker_plugin.bus.interface import Fenced, Message
from invoker_plugin.bus.memory import MemoryBus, MemoryConsumer
from invoker_plugin.errors import ConfigurationError, SystemFault

TOPIC = "invoker0"
DEADLINE_S = 10.0


@pytest.fixture(autouse=True, scope="module")
def _without_pauses() -> Iterator[None]:
    """Failures are part of these tests; waiting after them is not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("invoker_plugin.bus.feed.LEAST_PAUSE_S", 0.0)
        yield


async def until(condition: Callable[[], bool]) -> None:
    """Give other tasks turns until ``condition`` holds; fail at the deadline."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the condition never held"
        await asyncio.sleep(0)


class Fixture:
    """A bus with messages, and a feed that notes what it hands over."""

    def __init__(self, capacity: int = 2, max_peek: int = 2, messages: int = 0) -> None:
        self.bus = MemoryBus()
        for number in range(messages):
            self.bus.put(TOPIC, b"%d" % number)
        self.seen: list[int] = []
        self.open(capacity, max_peek)

    def open(self, capacity: int = 2, max_peek: int = 2) -> None:
        self.consumer = self.bus.consumer(TOPIC, TOPIC, max_peek)
        self.feed = MessageFeed(self.consumer, self.note, capacity, max_peek)

    def note(self, message: Message) -> None:
        self.seen.append(int(message.value))

    @property
    def committed(self) -> int:
        return self.bus.committed.get((TOPIC, TOPIC), 0)


async def test_nothing_is_handed_over_before_it_runs() -> None:
    fixture = Fixture(messages=1)
    await asyncio.sleep(0)
    assert fixture.seen == []
    running = asyncio.ensure_future(fixture.feed.run())
    await until(lambda: fixture.seen == [0])
    fixture.feed.stop()
    await running


async def test_no_more_than_capacity_is_handed_over_and_each_place_frees_one() -> None:
    fixture = Fixture(capacity=2, max_peek=4, messages=10)
    running = asyncio.ensure_future(fixture.feed.run())
    await until(lambda: len(fixture.seen) == 2)
    await until(lambda: fixture.feed.buffered > 0)
    assert fixture.seen == [0, 1]
    assert fixture.feed.in_flight == 2
    fixture.feed.processed()
    await until(lambda: len(fixture.seen) == 3)
    fixture.feed.processed(2)
    await until(lambda: len(fixture.seen) == 5)
    assert fixture.seen == [0, 1, 2, 3, 4]
    fixture.feed.stop()
    await running


async def test_it_stops_reading_when_enough_wait_and_begins_again_when_there_is_room() -> None:
    fixture = Fixture(capacity=2, max_peek=2, messages=20)
    running = asyncio.ensure_future(fixture.feed.run())
    # 2 handed over; polls go on while 2 * 2 - 2 or fewer wait, so at most 4 wait.
    await until(lambda: fixture.consumer.position == 6 and fixture.feed.buffered == 4)
    for _ in range(20):
        await asyncio.sleep(0)
    assert fixture.consumer.position == 6
    fixture.feed.processed(2)
    await until(lambda: fixture.consumer.position == 8 and fixture.feed.buffered == 4)
    fixture.feed.stop()
    await running


async def test_too_many_processed_never_raise_the_capacity() -> None:
    fixture = Fixture(capacity=2, max_peek=2, messages=6)
    fixture.feed.processed(5)
    running = asyncio.ensure_future(fixture.feed.run())
    await until(lambda: len(fixture.seen) == 2 and fixture.feed.buffered == 4)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(fixture.seen) == 2
    fixture.feed.stop()
    await running


@pytest.mark.parametrize(("capacity", "max_peek"), [(1, 3), (2, 5), (0, 1), (1, 0)])
def test_it_refuses_a_peek_over_its_depth(capacity: int, max_peek: int) -> None:
    with pytest.raises(ConfigurationError):
        Fixture(capacity, max_peek)


async def test_what_is_dispatched_is_committed_and_what_waits_is_not() -> None:
    fixture = Fixture(capacity=2, max_peek=2, messages=6)
    running = asyncio.ensure_future(fixture.feed.run())
    await until(lambda: len(fixture.seen) == 2 and fixture.feed.buffered == 4)
    assert fixture.committed == 2
    fixture.feed.stop()
    await running
    assert fixture.committed == len(fixture.seen)


async def test_commit_comes_before_the_handler() -> None:
    bus = MemoryBus()
    committed: list[int | None] = []

    def note(message: Message) -> None:
        committed.append(bus.committed.get((TOPIC, TOPIC)))

    feed = MessageFeed(bus.consumer(TOPIC, TOPIC, 1), note, 1, 1)
    running = asyncio.ensure_future(feed.run())
    bus.put(TOPIC, b"0")
    await until(lambda: committed == [1])
    feed.stop()
    await running


async def test_failed_commit_dispatches_nothing_and_is_tried_again() -> None:
    fixture = Fixture(messages=1)
    fixture.bus.failing_commits = 1
    running = asyncio.ensure_future(fixture.feed.run())
    await until(lambda: fixture.bus.failing_commits == 0)
    assert fixture.seen == []
    await until(lambda: fixture.seen == [0])
    fixture.feed.stop()
    await running


async def test_rebuilt_consumer_delivers_again_what_waits_and_it_runs_once() -> None:
    fixture = Fixture(capacity=1, max_peek=2, messages=3)
    running = asyncio.ensure_future(fixture.feed.run())
    await until(lambda: fixture.feed.buffered > 0)
    fixture.bus.failing_polls = 1
    for _ in range(3):
        fixture.feed.processed()
        await until(lambda: fixture.feed.in_flight == 1 or len(fixture.seen) == 3)
    await until(lambda: fixture.seen == [0, 1, 2])
    fixture.feed.stop()
    await running
    assert fixture.seen == [0, 1, 2]


async def test_topic_created_again_is_read_from_its_beginning() -> None:
    fixture = Fixture(capacity=5, max_peek=5, messages=3)
    running = asyncio.ensure_future(fixture.feed.run())
    await until(lambda: fixture.seen == [0, 1, 2])
    fixture.feed.processed(3)
    fixture.bus.recreate(TOPIC)
    fixture.consumer.rebuild()
    fixture.bus.put(TOPIC, b"7")
    fixture.bus.topics[TOPIC].arrived.set()
    await until(lambda: fixture.seen == [0, 1, 2, 7])
    fixture.feed.stop()
    await running


async def test_handler_that_fails_frees_its_place() -> None:
    bus = MemoryBus()
    seen: list[bytes] = []

    async def fail(message: Message) -> None:
        seen.append(message.value)
        raise ValueError("a handler's own error")

    feed = MessageFeed(bus.consumer(TOPIC, TOPIC, 1), fail, 1, 1)
    running = asyncio.ensure_future(feed.run())
    for number in range(3):
        bus.put(TOPIC, b"%d" % number)
    await until(lambda: seen == [b"0", b"1", b"2"])
    await until(lambda: feed.in_flight == 0)
    feed.stop()
    await running


async def test_fenced_consumer_ends_the_feed() -> None:
    class FencedConsumer(MemoryConsumer):
        async def poll(self, max_messages: int, timeout_ms: int) -> list[Message]:
            raise Fenced("another process consumes topic invoker0")

    feed = MessageFeed(FencedConsumer(MemoryBus(), TOPIC, TOPIC), lambda message: None, 1, 1)
    with pytest.raises(Fenced, match="another process"):
        await feed.run()


async def test_full_feed_keeps_the_consumer_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invoker_plugin.bus.feed.KEEP_ALIVE_MS", 1)
    fixture = Fixture(capacity=1, max_peek=2, messages=9)
    running = asyncio.ensure_future(fixture.feed.run())
    await until(lambda: fixture.consumer.kept_alive > 1)
    fixture.feed.stop()
    await running


async def test_cancelled_feed_hands_over_what_it_committed() -> None:
    fixture = Fixture(messages=2)
    running = asyncio.ensure_future(fixture.feed.run())
    await until(lambda: fixture.committed > 0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: fixture.committed == len(fixture.seen))


_STEPS = st.lists(
    st.sampled_from(
        ["put", "put", "processed", "turn", "turn", "poll-fails", "commit-fails", "lands", "crash"]
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(steps=_STEPS, capacity=st.integers(1, 3), max_peek=st.integers(1, 2))
def test_crashes_lose_nothing_that_waits_and_run_nothing_twice(
    steps: list[str], capacity: int, max_peek: int
) -> None:
    """A crash ends the feed between any two turns; a new one begins where the group committed.

    A commit that landed although it failed, with a crash before its retry, is the one case in
    which a message can be lost: nobody knows that it was not dispatched.
    """
    asyncio.run(_live_and_crash(steps, capacity, max_peek))


async def _live_and_crash(steps: list[str], capacity: int, max_peek: int) -> None:
    fixture = Fixture(capacity, max_peek)
    running = asyncio.ensure_future(fixture.feed.run())
    sent = 0
    for step in steps:
        if step == "put":
            fixture.bus.put(TOPIC, b"%d" % sent)
            sent += 1
        elif step == "processed" and fixture.feed.in_flight:
            fixture.feed.processed()
        elif step == "poll-fails":
            fixture.bus.failing_polls = 1
        elif step in ("commit-fails", "lands"):
            fixture.bus.failing_commits = 1
            fixture.bus.commits_land = step == "lands"
        elif step == "crash" and "lands" not in steps:
            running = await _restart(fixture, running, capacity, max_peek)
        await asyncio.sleep(0)
        assert fixture.feed.in_flight <= capacity
    fixture.bus.failing_polls = fixture.bus.failing_commits = 0
    while len(fixture.seen) < sent:
        fixture.feed.processed(fixture.feed.in_flight)
        await until(lambda: fixture.feed.in_flight > 0 or len(fixture.seen) == sent)
    assert fixture.seen == list(range(sent))
    fixture.feed.stop()
    await running


async def _restart(
    fixture: Fixture, running: asyncio.Task[None], capacity: int, max_peek: int
) -> asyncio.Task[None]:
    fixture.feed.stop()
    await running
    fixture.open(capacity, max_peek)
    return asyncio.ensure_future(fixture.feed.run())


class DyingConsumer(MemoryConsumer):
    """Its client dies with the first commit, and is rebuilt only when it is polled."""

    dead = False
    revivals_fail = 2

    async def commit(self, offset_after: int) -> None:
        if self.kept_alive == 0:
            self.dead = True
        if self.dead:
            raise SystemFault("the client is dead")
        await super().commit(offset_after)

    async def keep_alive(self) -> None:
        await super().keep_alive()
        if self.revivals_fail > 0:
            self.revivals_fail -= 1
            raise SystemFault("not yet")
        self.dead = False
        self.rebuild()


async def test_client_that_dies_while_enough_wait_is_rebuilt_all_the_same() -> None:
    """Nothing is polled then, so that nothing else would notice; found with a killed broker."""
    fixture = Fixture(messages=9)
    consumer = DyingConsumer(fixture.bus, TOPIC, TOPIC)
    fixture.feed = MessageFeed(consumer, fixture.note, 2, 2)
    running = asyncio.ensure_future(fixture.feed.run())
    for count in range(1, 10):
        await until(lambda count=count: len(fixture.seen) >= count)  # type: ignore[misc]
        fixture.feed.processed()
    fixture.feed.stop()
    await running
    assert fixture.seen == list(range(9))
    assert consumer.kept_alive == 3


async def test_fenced_while_enough_wait_ends_the_feed() -> None:
    class FencedConsumer(DyingConsumer):
        async def keep_alive(self) -> None:
            raise Fenced("a twin")

    fixture = Fixture(messages=9)
    consumer = FencedConsumer(fixture.bus, TOPIC, TOPIC)
    with pytest.raises(Fenced):
        await asyncio.wait_for(MessageFeed(consumer, fixture.note, 2, 2).run(), DEADLINE_S)
