"""The discovery cache's bytes. Pure: packs devices, and takes them out of bytes nobody trusts.

The layout is that of ``libibverbs/swift_cache.h`` (patches/rdma-core, 0004): a header and the
devices, nothing else, in the machine's own byte order. What the C reader would refuse is refused
here, in its words.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from invoker_plugin.errors import SystemFault

MAGIC = b"SWIFTV3\n"
BYTE_ORDER = 0x01020304
UVERBS_ABI = 6
MOST_DEVICES = 32
NAME_BYTES = 64
_BOOT_ID_LENGTH = 36
_HEADER = struct.Struct("=8sIIII40sQQQQ")
_DEVICE = struct.Struct("=QQQIIIiiIII64s64s")
MOST_BYTES = _HEADER.size + MOST_DEVICES * _DEVICE.size
_CHECKSUM_AT = 88
_MASK = (1 << 64) - 1
_UVERBS = re.compile(r"uverbs[0-9]+")
# printable, of one path component
_NAME = re.compile(r"(?!\.)[!-.0-~]+")


class CacheFault(SystemFault):
    """The cache can't be made, written or used; the text says why."""


@dataclass(frozen=True)
class Device:
    """One RDMA device, as the kernel tells it over netlink and in sysfs."""

    ibdev_name: str
    """``rxe0``, ``mlx5_0``."""
    sysfs_name: str
    """``uverbs0``."""
    class_inode: int
    """Of the link in ``/sys/class/infiniband_verbs``: a device that was removed and added again has
    the same name, GUID and number, but never the same inode."""
    name_inode: int
    """Of the link in ``/sys/class/infiniband``, which a rename keeps: readers in this network
    namespace tell by it that the name is still the one written down."""
    node_guid: int
    cdev_major: int
    cdev_minor: int
    driver_id: int
    """``enum rdma_driver_id``; 0 is unknown."""
    node_type: int
    """``enum ibv_node_type``; -1 is unknown."""
    ibdev_index: int
    ports: int
    abi_version: int

    def fault(self) -> bool:
        """Whether a reader would refuse it."""
        return not (
            0 < self.class_inode <= _MASK
            and 0 <= self.name_inode <= _MASK
            and 0 <= self.node_guid <= _MASK
            and 0 <= self.ibdev_index < 1 << 31
            and 0 < self.ports < 1 << 32
            and 0 <= self.abi_version < 1 << 31
            and all(0 <= one < 1 << 32 for one in (self.cdev_major, self.cdev_minor))
            and 0 <= self.driver_id < 1 << 32
            and -(1 << 31) <= self.node_type < 1 << 31
            and _UVERBS.fullmatch(self.sysfs_name) is not None
            and _NAME.fullmatch(self.ibdev_name) is not None
            and max(len(self.sysfs_name), len(self.ibdev_name)) < NAME_BYTES
        )


@dataclass(frozen=True)
class Cache:
    """All devices of a machine in the order in which programs are to see them, and its boot."""

    boot_id: str
    devices: tuple[Device, ...]
    class_mtime: int = 0
    """When ``/sys/class/infiniband_verbs`` last got or lost a link, in nanoseconds, where the
    kernel keeps that: readers need not read the directory while it is the same. Else 0."""


def pack(cache: Cache, place: tuple[int, int] = (0, 0)) -> bytes:
    """The file's content. Raises :class:`CacheFault` for what a reader would refuse.

    ``place`` is the file's own device and inode where it is in memory: readers then need not ask
    which boot it is of. Zeros on a disk.
    """
    _check(cache)
    boot_id = cache.boot_id.encode()
    count = len(cache.devices)
    numbers = (*place, cache.class_mtime, 0)
    header = _HEADER.pack(MAGIC, BYTE_ORDER, count, UVERBS_ABI, 0, boot_id, *numbers)
    data = header + b"".join(map(_pack_device, cache.devices))
    return data[:_CHECKSUM_AT] + struct.pack("=Q", checksum(data)) + data[_CHECKSUM_AT + 8 :]


def _pack_device(device: Device) -> bytes:
    return _DEVICE.pack(
        device.class_inode, device.name_inode, device.node_guid,
        device.cdev_major, device.cdev_minor, device.driver_id,
        device.node_type, device.ibdev_index, device.ports, device.abi_version,
        0, device.sysfs_name.encode(), device.ibdev_name.encode(),
    )  # fmt: skip


def parse(data: bytes) -> Cache:
    """What the bytes hold, of which nothing is believed. Raises :class:`CacheFault`."""
    if len(data) < _HEADER.size:
        raise CacheFault("file is shorter than its header")
    magic, order, count, abi, reserved, boot_id, _, _, mtime, found = _HEADER.unpack_from(data)
    if magic != MAGIC or order != BYTE_ORDER:
        raise CacheFault("file is of another format")
    if abi != UVERBS_ABI or reserved:
        raise CacheFault("file is of another uverbs ABI")
    if not 0 < count <= MOST_DEVICES:
        raise CacheFault("number of devices is out of range")
    if len(data) != _HEADER.size + count * _DEVICE.size:
        raise CacheFault("file is not as long as its number of devices says")
    if found != checksum(data):
        raise CacheFault("checksum is wrong")
    devices = _DEVICE.iter_unpack(data[_HEADER.size :])
    cache = Cache(_text(boot_id, "boot id"), tuple(map(_parse_device, devices)), mtime)
    _check(cache)
    return cache


def _parse_device(fields: tuple[int | bytes, ...]) -> Device:
    *numbers, reserved, sysfs_name, ibdev_name = fields
    if reserved:
        raise CacheFault("a device is malformed")
    inode, name_inode, guid, major, minor, driver, node_type, index, ports, abi = map(int, numbers)
    return Device(
        _text(ibdev_name, "a device"),
        _text(sysfs_name, "a device"),
        inode,
        name_inode,
        guid,
        major,
        minor,
        driver,
        node_type,
        index,
        ports,
        abi,
    )


def _text(padded: int | bytes, whose: str) -> str:
    """A name, of ASCII and zero from its end on."""
    assert isinstance(padded, bytes)
    text, _, rest = padded.partition(b"\0")
    if rest.strip(b"\0") or not text.isascii() or len(text) == len(padded):
        raise CacheFault(f"{whose} is malformed")
    return text.decode()


def _check(cache: Cache) -> None:
    if len(cache.boot_id) != _BOOT_ID_LENGTH or not cache.boot_id.isascii():
        raise CacheFault("boot id is malformed")
    if not 0 < len(cache.devices) <= MOST_DEVICES:
        raise CacheFault("number of devices is out of range")
    if any(device.fault() for device in cache.devices):
        raise CacheFault("a device is malformed")
    for names in zip(*((one.sysfs_name, one.ibdev_name) for one in cache.devices), strict=True):
        if len(set(names)) != len(names):
            raise CacheFault("two devices have one name")


def checksum(data: bytes) -> int:
    """FNV-1a over 64-bit words, the checksum itself taken as zero."""
    total = 0xCBF29CE484222325
    for index, (word,) in enumerate(struct.iter_unpack("=Q", data)):
        total = (total ^ (0 if index * 8 == _CHECKSUM_AT else word)) * 0x100000001B3 & _MASK
    return total
