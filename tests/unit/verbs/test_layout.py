"""The discovery cache's bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoker_plugin.verbs.layout import Cache, CacheFault, checksum, pack, parse
from tests.unit.verbs.caches import cache, caches, device


@given(caches())
@settings(deadline=None)
def test_what_is_packed_is_parsed_again(original: Cache) -> None:
    data = pack(original)
    assert len(data) == 96 + 184 * len(original.devices)
    assert parse(data) == original


@given(caches(), st.data())
@settings(deadline=None)
def test_a_changed_byte_is_refused(original: Cache, data: st.DataObject) -> None:
    content = bytearray(pack(original))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CacheFault):
        parse(bytes(content))


@given(caches(), st.data())
@settings(deadline=None)
def test_another_length_is_refused(original: Cache, data: st.DataObject) -> None:
    content = pack(original)
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(CacheFault):
        parse(content[:cut])
    with pytest.raises(CacheFault):
        parse(content + data.draw(st.binary(min_size=1, max_size=200)))


@given(st.binary(max_size=600))
@settings(deadline=None)
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(CacheFault):
        parse(noise)


@given(caches(), st.data())
@settings(deadline=None)
def test_a_right_checksum_makes_nothing_right(original: Cache, data: st.DataObject) -> None:
    """Behind the checksum: what is taken is what packing it gives, byte for byte."""
    content = bytearray(pack(original))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content[88:96] = struct.pack("=Q", checksum(bytes(content)))
    try:
        taken = parse(bytes(content))
    except CacheFault:
        return
    place = struct.unpack_from("=QQ", content, 64)
    assert pack(taken, place) == bytes(content)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"class_inode": 0}, "a device is malformed"),
        ({"ibdev_index": -1}, "a device is malformed"),
        ({"ports": 0}, "a device is malformed"),
        ({"sysfs_name": "uverbs"}, "a device is malformed"),
        ({"sysfs_name": "../uverbs0"}, "a device is malformed"),
        ({"ibdev_name": "a/b"}, "a device is malformed"),
        ({"ibdev_name": ".."}, "a device is malformed"),
        ({"ibdev_name": "n" * 64}, "a device is malformed"),
        ({"ibdev_name": ""}, "a device is malformed"),
        ({"cdev_major": 1 << 32}, "a device is malformed"),
    ],
)
def test_what_no_reader_takes_is_not_written(changes: dict[str, object], words: str) -> None:
    with pytest.raises(CacheFault, match=words):
        pack(cache(device(**changes)))


def test_names_are_unique() -> None:
    with pytest.raises(CacheFault, match="two devices have one name"):
        pack(cache(device(0), device(1, ibdev_name="rxe0")))
    with pytest.raises(CacheFault, match="two devices have one name"):
        pack(cache(device(0), device(1, sysfs_name="uverbs0")))


def test_as_many_as_a_reader_has_room_for() -> None:
    assert len(parse(pack(cache(*map(device, range(32))))).devices) == 32
    with pytest.raises(CacheFault, match="out of range"):
        pack(cache(*map(device, range(33))))
    with pytest.raises(CacheFault, match="out of range"):
        pack(Cache(cache().boot_id, ()))
