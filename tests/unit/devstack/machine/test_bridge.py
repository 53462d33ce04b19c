from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from devstack.errors import DevstackError
from devstack.machine.bridge import Bridge, choose_bridge, free_subnet
from devstack.paths import Paths


def test_a_subnet_that_overlaps_nothing_is_taken() -> None:
    used = [IPv4Network("0.0.0.0/0"), IPv4Network("172.28.76.0/23"), IPv4Network("172.28.78.5/32")]
    assert free_subnet(used) == IPv4Network("172.28.79.0/24")


def test_no_free_subnet_gets_one_line() -> None:
    with pytest.raises(DevstackError, match=r"no subnet of 172\.28\.0\.0/16 is free"):
        free_subnet([IPv4Network("172.16.0.0/12")])


def test_the_bridge_of_a_home_stays_the_same(paths: Paths) -> None:
    bridge = choose_bridge(paths)
    assert choose_bridge(paths) == bridge
    assert len(bridge.name) <= 15


def test_the_host_has_the_first_address() -> None:
    assert Bridge("b", IPv4Network("172.28.77.0/24")).address == "172.28.77.1/24"
