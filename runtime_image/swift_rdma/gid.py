"""Which address (GID) of a port to use. Pure: takes a table, gives an entry.

Tables in containers are sparse and start anywhere, because only addresses of the container's own
network namespace can be read: so the whole table is looked at, never "index 0" or "index 1".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address

from swift_rdma.errors import NoUsableGid

TYPE_IB = 0
TYPE_ROCE_V1 = 1
TYPE_ROCE_V2 = 2
INDEX_VARIABLE = "SWIFT_RDMA_GID_INDEX"


@dataclass(frozen=True)
class Gid:
    """One entry of a port's table."""

    index: int
    address: IPv6Address
    type: int
    """One of the ``TYPE_`` numbers (those of ``ibv_gid_type_sysfs`` and the kernel)."""

    @property
    def kind(self) -> str:
        """In words, as it is logged."""
        if self.type == TYPE_IB:
            return "InfiniBand"
        if self.type == TYPE_ROCE_V1:
            return "RoCE v1"
        if self.address.ipv4_mapped is not None:
            return "RoCE v2, IPv4"
        return "RoCE v2, link-local" if self.address.is_link_local else "RoCE v2, IPv6"

    def __str__(self) -> str:
        return f"index {self.index}, {self.address} ({self.kind})"


_ORDER = ("RoCE v2, IPv4", "RoCE v2, IPv6", "RoCE v2, link-local", "RoCE v1", "InfiniBand")


def choose(table: Iterable[Gid], environ: Mapping[str, str]) -> Gid:
    """The best entry by rule, or the one that ``SWIFT_RDMA_GID_INDEX`` names.

    Raises :class:`NoUsableGid` when there is none.
    """
    usable = [entry for entry in table if int(entry.address) != 0]
    wanted = environ.get(INDEX_VARIABLE)
    if wanted:
        return _named(usable, wanted)
    if not usable:
        raise NoUsableGid(
            "The RDMA port has no GID here: its network device needs an address in this network"
            " namespace (give the container the host's network or a macvlan of that device)."
        )
    return min(usable, key=lambda entry: (_ORDER.index(entry.kind), entry.index))


def _named(usable: list[Gid], wanted: str) -> Gid:
    for entry in usable:
        if wanted == str(entry.index):
            return entry
    present = "; ".join(map(str, usable)) or "none"
    raise NoUsableGid(f"{INDEX_VARIABLE} is {wanted!r}, but usable GIDs are: {present}.")


def export(device: str, port: int, entry: Gid) -> dict[str, str]:
    """The choice in the variables of libraries that would choose by themselves (UCX, NCCL)."""
    return {
        "UCX_NET_DEVICES": f"{device}:{port}",
        "UCX_IB_GID_INDEX": str(entry.index),
        "NCCL_IB_HCA": f"={device}:{port}",
        "NCCL_IB_GID_INDEX": str(entry.index),
    }
