"""A line of the spool comes back as it was, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoker_plugin.store.spool.entry import EXPECTED, RECORD, Entry
from invoker_plugin.wire import jsontext

ENTRY = Entry(RECORD, 1_795_362_321_342, "my space/0123", b'{"_id":"my space/0123"}')


def test_record_is_the_second_field_of_its_line() -> None:
    line = ENTRY.encode()
    assert line.endswith(b"\n")
    assert line.rstrip(b"\n").split(b"\t")[1] == ENTRY.body


@given(
    st.sampled_from([RECORD, EXPECTED]),
    st.integers(min_value=0, max_value=2**53),
    st.text(),
    st.dictionaries(st.text(), st.text()),
)
def test_it_comes_back_as_it_was(
    kind: str, since_ms: int, key: str, record: dict[str, str]
) -> None:
    entry = Entry(kind, since_ms, key, jsontext.encode(record))
    line = entry.encode()
    assert line.count(b"\n") == 1
    assert Entry.decode(line) == entry


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_one_wrong_byte_is_found(place: int, change: int) -> None:
    line = bytearray(ENTRY.encode())
    line[place % len(line)] ^= change
    try:
        assert Entry.decode(bytes(line)) == ENTRY  # the checksum itself in upper case
    except ValueError:
        return


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_what_was_cut_off_is_found(cut: int) -> None:
    with pytest.raises(ValueError, match="end is missing"):
        Entry.decode(ENTRY.encode()[:-cut])


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        Entry.decode(Entry("X", 1, "k", b"{}").encode())
