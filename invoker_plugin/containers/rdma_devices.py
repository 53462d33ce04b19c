"""The host's RDMA devices, as the kernel's sysfs lists them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class")
DEVICES = Path("/dev/infiniband")


@dataclass(frozen=True)
class RdmaDevice:
    """One device as long as it stays: one that is removed and added again is another one."""

    name: str
    path: str
    """Of its uverbs device."""
    inode: int
    """Of its link in the verbs class: what differs when name and number are the same again."""


def find(name: str, sysfs: Path = SYSFS) -> RdmaDevice | None:
    """The device that has that name now, if any.

    By ``uverbsN/ibdev``, never by position: names can be swapped while numbers stay.
    """
    return next((device for device in _devices(sysfs) if device.name == name), None)


def character_devices(sysfs: Path = SYSFS) -> dict[str, str]:
    """Each RDMA device's name with the path of its uverbs device."""
    return {device.name: device.path for device in _devices(sysfs)}


def _devices(sysfs: Path) -> list[RdmaDevice]:
    found: list[RdmaDevice] = []
    for verbs in sorted((sysfs / "infiniband_verbs").glob("uverbs*")):
        try:
            name, inode = (verbs / "ibdev").read_text().strip(), verbs.lstat().st_ino
        except OSError:
            # Unplugged between the listing and the reading.
            continue
        found.append(RdmaDevice(name, str(DEVICES / verbs.name), inode))
    return found
