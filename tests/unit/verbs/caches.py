"""Caches for tests, by hypothesis and by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from invoker_plugin.verbs.layout import MOST_DEVICES, Cache, Device

BOOT_ID = "3b0c9c1e-5d5c-4d8e-9c53-0d9e6f0f3a11"


def device(number: int = 0, **changes: object) -> Device:
    fields: dict[str, object] = {
        "ibdev_name": f"rxe{number}",
        "sysfs_name": f"uverbs{number}",
        "class_inode": 1000 + number,
        "name_inode": 2000 + number,
        "node_guid": 0x5054FFFE123456,
        "cdev_major": 231,
        "cdev_minor": 192 + number,
        "driver_id": 14,
        "node_type": 1,
        "ibdev_index": number,
        "ports": 1,
        "abi_version": 2,
    }
    return Device(**{**fields, **changes})  # type: ignore[arg-type]


def cache(*devices: Device) -> Cache:
    return Cache(BOOT_ID, devices or (device(),))


_u32 = st.integers(0, 2**32 - 1)
_i31 = st.integers(0, 2**31 - 1)
_names = st.from_regex(r"(?!\.)[!-.0-~]{1,63}", fullmatch=True)


@st.composite
def caches(draw: st.DrawFn) -> Cache:
    """What any machine could have."""
    count = draw(st.integers(1, MOST_DEVICES))
    names = draw(st.lists(_names, min_size=count, max_size=count, unique=True))
    numbers = draw(st.lists(st.integers(0, 10**9), min_size=count, max_size=count, unique=True))
    devices = [
        Device(
            name, f"uverbs{number}", draw(st.integers(1, 2**64 - 1)),
            draw(st.integers(0, 2**64 - 1)), draw(st.integers(0, 2**64 - 1)), draw(_u32),
            draw(_u32), draw(_u32),
            draw(st.integers(-1, 7)), draw(_i31), draw(st.integers(1, 2**32 - 1)), draw(_i31),
        )
        for name, number in zip(names, numbers, strict=True)
    ]  # fmt: skip
    return Cache(draw(st.uuids()).__str__(), tuple(devices), draw(st.integers(0, 2**64 - 1)))
