from __future__ import annotations

from pathlib import Path

import pytest

from devstack.errors import DevstackError
from devstack.machine.choice import HostFacts, choose_kind, ipv4_of, rdma_devices


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        (HostFacts(("mlx5_0",), None, False), "host"),
        (HostFacts(("mlx5_0", "swiftrxe0"), "swiftrxe0", False), "host"),
        (HostFacts(("swiftrxe0",), "swiftrxe0", False), "rxe"),
        (HostFacts((), None, True), "rxe"),
        (HostFacts((), None, False), "vm"),
    ],
)
def test_the_nearest_device_is_chosen(facts: HostFacts, kind: str) -> None:
    assert choose_kind(facts, {}) == kind


def test_the_environment_overrules() -> None:
    assert choose_kind(HostFacts(("mlx5_0",), None, True), {"SWIFT_MACHINE": "vm"}) == "vm"


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(DevstackError, match="SWIFT_MACHINE=cloud: must be one of host, rxe, vm"):
        choose_kind(HostFacts((), None, False), {"SWIFT_MACHINE": "cloud"})


def test_no_class_directory_means_no_devices(tmp_path: Path) -> None:
    assert rdma_devices(tmp_path / "infiniband") == ()


def test_the_ipv4_address_is_found_anywhere_in_the_gid_table(tmp_path: Path) -> None:
    gids = tmp_path / "mlx5_0" / "ports" / "1" / "gids"
    gids.mkdir(parents=True)
    (gids / "0").write_text("fe80:0000:0000:0000:fca1:7aff:fe5d:3e96\n")
    (gids / "2").write_text("0000:0000:0000:0000:0000:ffff:c0a8:010f\n")
    (gids / "10").write_text("0000:0000:0000:0000:0000:ffff:0a00:0001\n")
    assert ipv4_of("mlx5_0", tmp_path) == "192.168.1.15"
    assert ipv4_of("mlx5_1", tmp_path) is None
