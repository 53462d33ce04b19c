"""The RDMA machine with a root of the stock build and one of the patched."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.lock import exclusive
from devstack.machine import RdmaMachine
from devstack.stack import Stack

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks" / "verbs"))
from roots import Roots  # a script's neighbour, not a package


@pytest.fixture(scope="package")
def machine(devstack: Stack) -> Iterator[RdmaMachine]:
    with exclusive(devstack.paths):
        devstack.up(["machine"])
    with Roots(devstack.machine, ("stock", "swift")):
        yield devstack.machine
