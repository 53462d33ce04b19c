"""The host's RDMA devices, as the kernel's sysfs lists them."""

from __future__ import annotations

from pathlib import Path

SYSFS = Path("/sys/class")
DEVICES = Path("/dev/infiniband")


def character_devices(sysfs: Path = SYSFS) -> dict[str, str]:
    """Each RDMA device's name with the path of its uverbs device.

    By ``uverbsN/ibdev``, never by position: names can be swapped while numbers stay.
    """
    found: dict[str, str] = {}
    for verbs in sorted((sysfs / "infiniband_verbs").glob("uverbs*")):
        try:
            name = (verbs / "ibdev").read_text().strip()
        except OSError:
            # Unplugged between the listing and the reading.
            continue
        found[name] = str(DEVICES / verbs.name)
    return found
