"""The table of slots, the arithmetic of slices, and declared peers: without any device."""

from __future__ import annotations

import random

import pytest

from swift_rdma.arena import DEFAULT_SLICE_BYTES, Carver, slice_bytes
from swift_rdma.declared import Declared
from swift_rdma.marks import Marks
from swift_rdma.peer import Peer
from swift_rdma.slot_table import SlotTable


class Maker:
    """Makes numbered things and keeps those that were not discarded."""

    def __init__(self) -> None:
        self.count = 0
        self.living: set[str] = set()

    def make(self, slot: int) -> str:
        self.count += 1
        made = f"{slot}-{self.count}"
        self.living.add(made)
        return made

    def discard(self, slot: int, held: str) -> None:
        assert held.startswith(f"{slot}-")
        self.living.remove(held)


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def table(maker: Maker) -> SlotTable[str]:
    return SlotTable(3, maker.make, maker.discard)


def test_a_slot_has_one_owner(table: SlotTable[str]) -> None:
    table.take(1)
    with pytest.raises(ValueError, match="slot 1 is owned"):
        table.take(1)
    with pytest.raises(ValueError, match="none of 3"):
        table.take(3)


def test_what_was_used_is_not_handed_out_again(table: SlotTable[str], maker: Maker) -> None:
    first = table.take(0)
    table.give_back(0, untouched=False)
    second = table.take(0)
    assert second != first
    assert maker.living == {second}


def test_what_was_not_touched_is(table: SlotTable[str]) -> None:
    first = table.take(0)
    table.give_back(0, untouched=True)
    assert table.take(0) == first


def test_a_slot_that_is_owned_is_not_renewed(table: SlotTable[str]) -> None:
    table.take(0)
    assert table.to_renew() == 1
    table.renew(1)
    table.renew(2)
    assert table.to_renew() is None
    assert list(table.ready()) == [1, 2]
    table.give_back(0, untouched=False)
    assert table.to_renew() == 0
    assert table.idle


def test_a_failure_to_make_leaves_the_slot_free(maker: Maker) -> None:
    fail = [True]

    def make(slot: int) -> str:
        if fail:
            raise OSError(fail.pop())
        return maker.make(slot)

    table = SlotTable(1, make, maker.discard)
    with pytest.raises(OSError, match="True"):
        table.take(0)
    assert table.take(0) == "0-1"


def test_closing_discards_all(table: SlotTable[str], maker: Maker) -> None:
    table.take(0)
    table.take(1)
    table.give_back(1, untouched=False)
    table.renew(2)
    table.close()
    assert not maker.living


def test_a_worker_of_an_earlier_table_is_ignored(table: SlotTable[str]) -> None:
    table.give_back(2, untouched=False)
    assert table.to_renew() == 0


def test_parts_of_a_slice_never_overlap_and_come_back() -> None:
    chance, carver, length = random.Random(1), Carver(65536), 65536
    held: dict[int, int] = {}
    for _ in range(2000):
        if held and chance.random() < 0.5:
            offset = chance.choice(list(held))
            carver.give(offset, held.pop(offset))
            continue
        size = chance.randrange(1, 20000)
        offset_or_none = carver.take(size)
        if offset_or_none is None:
            continue
        start = offset_or_none
        assert start % 64 == 0
        assert 0 <= start <= start + size <= length
        assert all(start + size <= other or other + n <= start for other, n in held.items())
        held[start] = size
    for offset, size in held.items():
        carver.give(offset, size)
    assert carver.take(length) == 0


def test_a_part_is_given_back_once() -> None:
    carver = Carver(1024)
    offset = carver.take(100)
    assert offset is not None
    carver.give(offset, 100)
    with pytest.raises(ValueError, match="free already"):
        carver.give(offset, 100)


def test_the_size_of_a_slice_is_whole_pages() -> None:
    assert slice_bytes(None) == DEFAULT_SLICE_BYTES
    assert slice_bytes("1") == 4096
    assert slice_bytes("4097") == 8192
    for text in ("0", "-1", "1k", "x"):
        with pytest.raises(ValueError, match="SWIFT_RDMA_SLICE_BYTES"):
            slice_bytes(text)


def test_marks_are_of_one_slot_and_cleared() -> None:
    marks = Marks(2)
    marks.touch(1)
    marks.hold(1, 1)
    marks.hold(1, 1)
    marks.hold(1, -1)
    assert (marks.touched(0), marks.held(0)) == (False, 0)
    assert (marks.touched(1), marks.held(1)) == (True, 1)
    marks.clear(1)
    assert (marks.touched(1), marks.held(1)) == (False, 0)


def test_a_peer_that_fails_is_left_alone_for_longer_and_longer() -> None:
    declared = Declared(["a:1", "b:2/x", "a:1"])
    first, second = Peer("a", 1, None), Peer("b", 2, "x")
    assert declared.peers == (first, second)
    declared.failed(first, 100.0)
    assert declared.due(100.5) == (second,)
    assert declared.next_due(100.5) == 0.5
    assert declared.due(101.0) == (first, second)
    declared.failed(first, 101.0)
    assert declared.next_due(101.0) == 2.0
    for _ in range(20):
        declared.failed(first, 200.0)
    assert declared.next_due(200.0) == 60.0
    declared.reached(first)
    assert declared.next_due(200.0) is None


def test_what_is_no_peer_is_told_and_passed_over() -> None:
    declared = Declared(["a:1", "::", '{"host": 1}'])
    assert declared.peers == (Peer("a", 1, None),)
    assert len(declared.faults) == 2
