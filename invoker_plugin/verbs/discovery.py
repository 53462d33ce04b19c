"""Asks this machine for its RDMA devices, as libibverbs does: netlink, then sysfs.

In the order in which libibverbs lists them: programs take the first.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from invoker_plugin.verbs import netlink
from invoker_plugin.verbs.layout import Cache, CacheFault, Device
from invoker_plugin.verbs.netlink import CharacterDevice, Link

SYSFS = Path("/sys/class")
DEVICES = Path("/dev/infiniband")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NO_DEVICES = (
    "this machine has no RDMA device; load its driver and ib_uverbs, or make a soft-RoCE one"
    " (rdma link add rxe0 type rxe netdev eth0)"
)
_ANSWER_SECONDS = 5.0
_ANSWER_BYTES = 65536


class NoDevices(CacheFault):
    """There is nothing to write down."""


@dataclass(frozen=True)
class Machine:
    """Where the machine's facts are; others in tests."""

    sysfs: Path = SYSFS
    devices: Path = DEVICES
    boot_id: Path = BOOT_ID

    def read(self) -> Cache:
        """What a cache of now would hold. Raises :class:`CacheFault`."""
        class_mtime = self._class_mtime()  # before the links, so that none goes unseen
        inodes = self._inodes()
        told = dict(self._told()) if inodes else {}
        unknown = sorted(set(inodes) - {one.name for one in told.values()})
        if unknown:
            raise CacheFault(f"{unknown[0]} is not told over netlink, or is not in {self.devices}")
        if not told:
            raise NoDevices(NO_DEVICES)
        devices = [
            _device(link, told[link], inodes, self._name_inode(link, told[link])) for link in told
        ]
        return Cache(self.boot_id.read_text().strip(), tuple(devices), class_mtime)

    def mark(self) -> None:
        """Have the kernel keep the class directory's time; for who writes a cache.

        It is that of an inode in memory, which comes and goes, unless the directory's attributes
        were ever set. From then on the kernel moves it at each link that is added or removed. The
        sticky bit, of no other use there, is the mark of it, for readers and for writers with a
        read-only sysfs: these can't set it, and do without where nobody has.
        """
        try:
            mode = self._class_directory.stat().st_mode
            if not mode & stat.S_ISVTX:
                self._class_directory.chmod(stat.S_IMODE(mode) | stat.S_ISVTX)
        except OSError:
            return

    def _class_mtime(self) -> int:
        """The class directory's time in nanoseconds; 0 where it has no mark that it is kept."""
        try:
            facts = self._class_directory.stat()
        except OSError:
            return 0
        return max(facts.st_mtime_ns, 0) if facts.st_mode & stat.S_ISVTX else 0

    @property
    def _class_directory(self) -> Path:
        return self.sysfs / "infiniband_verbs"

    def _inodes(self) -> dict[str, int]:
        """The links of the class directory, with the inodes that a directory listing tells."""
        try:
            entries = list(os.scandir(self._class_directory))
        except OSError:
            return {}
        return {
            entry.name: entry.inode()
            for entry in entries
            if not entry.name.startswith(".") and not entry.is_file(follow_symlinks=False)
        }

    def _name_inode(self, link: Link, device: CharacterDevice) -> int:
        """Of the link by its name; the name is read behind it, so that no rename goes unseen."""
        try:
            inode = (self.sysfs / "infiniband" / link.name).lstat().st_ino
            name = (self.sysfs / "infiniband_verbs" / device.name / "ibdev").read_text().strip()
        except OSError as error:
            raise CacheFault(f"{link.name} is not of this namespace, or it went away") from error
        if name != link.name:
            raise CacheFault(f"{link.name} was renamed {name} meanwhile")
        return inode

    def _told(self) -> Iterator[tuple[Link, CharacterDevice]]:
        for link, device in ask_kernel():
            # as libibverbs does: one without a file is not for programs of here
            if device is not None and (self.devices / device.name).exists():
                yield link, device


def ask_kernel() -> list[tuple[Link, CharacterDevice | None]]:
    """All devices of this network namespace, libibverbs' first one first."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, netlink.PROTOCOL) as stream:
            stream.settimeout(_ANSWER_SECONDS)
            links = [netlink.link(body) for body in _dump(stream)]
            # libibverbs puts each before those it had
            return [(link, _character_device(stream, link)) for link in reversed(links)]
    except OSError as error:
        raise CacheFault(f"kernel doesn't tell its devices over netlink ({error})") from error


def _dump(stream: socket.socket) -> Iterator[bytes]:
    stream.send(netlink.ask_devices(1))
    ended = False
    while not ended:
        found, ended = netlink.bodies(stream.recv(_ANSWER_BYTES), 1)
        yield from found


def _character_device(stream: socket.socket, link: Link) -> CharacterDevice | None:
    """None for one without uverbs."""
    sequence = link.index + 2
    stream.send(netlink.ask_character_device(sequence, link.index))
    try:
        while True:
            found, _ = netlink.bodies(stream.recv(_ANSWER_BYTES), sequence)
            if found:
                return netlink.character_device(found[0])
    except netlink.NoAnswer:
        return None


def _device(link: Link, device: CharacterDevice, inodes: dict[str, int], name_inode: int) -> Device:
    if device.name not in inodes:
        raise CacheFault(f"{device.name} came or went meanwhile")
    return Device(
        link.name,
        device.name,
        inodes[device.name],
        name_inode,
        link.node_guid,
        device.major,
        device.minor,
        device.driver_id,
        link.node_type,
        link.index,
        link.ports,
        device.abi_version,
    )
