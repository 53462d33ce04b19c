"""Which GID is chosen, from tables as containers show them."""

from __future__ import annotations

import os
from ipaddress import IPv6Address

import pytest

from swift_rdma import resources
from swift_rdma.errors import NoUsableGid
from swift_rdma.gid import TYPE_IB, TYPE_ROCE_V1, TYPE_ROCE_V2, Gid, choose, export
from swift_rdma.lane import Place

LINK = "fe80::9412:d1ff:fec8:4836"
FOUR = "::ffff:10.0.0.1"
SIX = "2001:db8::1"


def _gid(index: int, address: str, kind: int = TYPE_ROCE_V2) -> Gid:
    return Gid(index, IPv6Address(address), kind)


@pytest.mark.parametrize(
    ("table", "index"),
    [
        ([_gid(0, LINK, TYPE_ROCE_V1), _gid(1, LINK), _gid(2, FOUR, 1), _gid(3, FOUR)], 3),
        ([_gid(0, LINK), _gid(1, SIX)], 1),
        ([_gid(0, SIX), _gid(5, FOUR)], 5),
        ([_gid(7, LINK, TYPE_ROCE_V1), _gid(9, LINK)], 9),
        ([_gid(3, FOUR, TYPE_ROCE_V1)], 3),
        ([_gid(200, FOUR), _gid(100, FOUR)], 100),
        ([_gid(0, "::"), _gid(4, FOUR)], 4),
        ([_gid(0, "fe80::1", TYPE_IB)], 0),
    ],
)
def test_the_rule(table: list[Gid], index: int) -> None:
    assert choose(table, {}).index == index


def test_the_setting_overrides_the_rule() -> None:
    table = [_gid(0, LINK), _gid(1, FOUR)]
    assert choose(table, {"SWIFT_RDMA_GID_INDEX": "0"}).index == 0
    with pytest.raises(NoUsableGid, match=r"SWIFT_RDMA_GID_INDEX is '7'.*index 1"):
        choose(table, {"SWIFT_RDMA_GID_INDEX": "7"})


@pytest.mark.parametrize("table", [[], [_gid(0, "::"), _gid(1, "::")]])
def test_no_gid_names_the_remedy(table: list[Gid]) -> None:
    with pytest.raises(NoUsableGid, match="needs an address in this network namespace"):
        choose(table, {})


def test_the_choice_is_told_to_other_libraries() -> None:
    assert export("mlx5_0", 1, _gid(3, FOUR)) == {
        "UCX_NET_DEVICES": "mlx5_0:1",
        "UCX_IB_GID_INDEX": "3",
        "NCCL_IB_HCA": "=mlx5_0:1",
        "NCCL_IB_GID_INDEX": "3",
    }


def test_it_can_be_read() -> None:
    assert str(_gid(3, FOUR)).startswith("index 3, ::ffff:")
    assert str(_gid(3, FOUR)).endswith("(RoCE v2, IPv4)")


def test_a_new_choice_replaces_what_we_told_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resources, "_exported", {})
    environment = {"NCCL_IB_GID_INDEX": "9"}
    monkeypatch.setattr(os, "environ", environment)
    for index in (1, 4):
        resources.export_choice(Place(None, "rxe0", 1, _gid(index, FOUR), 0, 1024))
    assert environment["UCX_IB_GID_INDEX"] == "4"
    assert environment["UCX_NET_DEVICES"] == "rxe0:1"
    assert environment["NCCL_IB_GID_INDEX"] == "9", "set by the operator"
