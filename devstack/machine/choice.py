"""Which machine RDMA functions run on: this host when it can, else a virtual one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from devstack.errors import DevstackError

Kind = Literal["host", "rxe", "vm"]
_VARIABLE = "SWIFT_MACHINE"
_DEVICES = Path("/sys/class/infiniband")


@dataclass(frozen=True)
class HostFacts:
    """What decides. ``own_device`` is set while the soft-RoCE device that we made is there."""

    devices: tuple[str, ...]
    own_device: str | None
    soft_rdma_works: bool


def choose_kind(facts: HostFacts, environ: Mapping[str, str] | None = None) -> Kind:
    """``host`` for an RDMA device that is there, ``rxe`` for one that we can make, else ``vm``.

    The environment's SWIFT_MACHINE overrules.
    """
    named = (os.environ if environ is None else environ).get(_VARIABLE, "")
    for kind in _kinds():
        if named == kind:
            return kind
    if named:
        raise DevstackError(f"{_VARIABLE}={named}: must be one of {', '.join(_kinds())}")
    if any(device != facts.own_device for device in facts.devices):
        return "host"
    return "rxe" if facts.own_device or facts.soft_rdma_works else "vm"


def rdma_devices(directory: Path = _DEVICES) -> tuple[str, ...]:
    """The names of this host's RDMA devices."""
    if not directory.is_dir():
        return ()
    return tuple(sorted(entry.name for entry in directory.iterdir()))


def ipv4_of(device: str, directory: Path = _DEVICES) -> str | None:
    """The first IPv4 address in the device's GID table (RoCE), if there is one."""
    for file in sorted(directory.glob(f"{device}/ports/*/gids/*"), key=_by_number):
        try:
            gid = file.read_text().strip()
        except OSError:
            continue  # the kernel answers EINVAL for an entry that is not in use
        if gid.startswith("0000:0000:0000:0000:0000:ffff:"):
            high, low = (int(part, 16) for part in gid.split(":")[-2:])
            return f"{high >> 8}.{high & 255}.{low >> 8}.{low & 255}"
    return None


def _kinds() -> tuple[Kind, ...]:
    return ("host", "rxe", "vm")


def _by_number(file: Path) -> tuple[int, int]:
    return int(file.parent.parent.name), int(file.name)
