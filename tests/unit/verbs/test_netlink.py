"""The kernel's answers over netlink."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoker_plugin.verbs import netlink
from invoker_plugin.verbs.layout import CacheFault

# As Debian's kernel 6.1 answers for a soft-RoCE device on x86-64.
LINK = (
    struct.pack("=HHI", 8, 1, 3)
    + struct.pack("=HH8s", 9, 2, b"rxe0\0")
    + struct.pack("=HHI", 8, 3, 1)
    + struct.pack("=HHQ", 12, 6, 0x505400FFFE123456)
    + struct.pack("=HHB3x", 5, 14, 1)
)
CHARDEV = (
    struct.pack("=HH8s", 12, 70, b"uverbs0\0")
    + struct.pack("=HHQ", 12, 71, 2)
    + struct.pack("=HHQ", 12, 72, 231 << 8 | 0xC0 | 0x100 << 12)
    + struct.pack("=HHI", 8, 73, 14)
)


def message(body: bytes, kind: int = 0x1401, sequence: int = 1) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, sequence, 0) + body


def test_a_device_of_the_list() -> None:
    assert netlink.link(LINK) == netlink.Link(3, "rxe0", 1, 0x505400FFFE123456, 1)


def test_its_character_device() -> None:
    found = netlink.character_device(CHARDEV)
    assert found == netlink.CharacterDevice("uverbs0", 231, 0x1C0, 2, 14)


def test_a_kernel_that_does_not_tell_the_driver() -> None:
    assert netlink.character_device(CHARDEV[:-8]).driver_id == 0


def test_a_dump_over_several_datagrams() -> None:
    found, ended = netlink.bodies(message(LINK) + message(CHARDEV), 1)
    assert (found, ended) == ([LINK, CHARDEV], False)
    assert netlink.bodies(message(bytes(4), kind=3), 1) == ([], True)


def test_answers_to_other_questions_are_left() -> None:
    assert netlink.bodies(message(LINK, sequence=7), 1) == ([], False)


def test_an_error_is_told() -> None:
    with pytest.raises(netlink.NoAnswer, match="netlink error 2"):
        netlink.bodies(message(struct.pack("=i", -2), kind=2), 1)


def test_the_questions() -> None:
    assert struct.unpack("=IHHII", netlink.ask_devices(5)) == (16, 0x1401, 0x301, 5, 0)
    asked = netlink.ask_character_device(9, 3)
    assert struct.unpack_from("=IHH", asked) == (len(asked), 0x140F, 1)
    assert asked[16:24] == struct.pack("=HHI", 8, 1, 3)
    assert asked[24:] == struct.pack("=HH8s", 11, 69, b"uverbs\0")


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_broken_answers_are_refused_in_words(noise: bytes) -> None:
    for read in (netlink.link, netlink.character_device, lambda data: netlink.bodies(data, 1)):
        with suppress(CacheFault):  # and nothing else
            read(noise)
