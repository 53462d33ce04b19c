"""The first ``ibv_get_device_list`` of a process: stock against patched, in turn, in one boot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from devstack.machine import RdmaMachine

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks" / "verbs"))
from roots import Roots  # a script's neighbour, not a package

pytestmark = pytest.mark.rdma

ROUNDS = 7
# About twenty on a quiet machine; the floor of any doubt
LEAST_RATIO = 5
# Prints the microseconds and the first device's name
PROGRAM = """
import ctypes, time
verbs = ctypes.CDLL("libibverbs.so.1")
verbs.ibv_get_device_list.restype = ctypes.POINTER(ctypes.c_void_p)
verbs.ibv_get_device_name.restype = ctypes.c_char_p
start = time.perf_counter()
devices = verbs.ibv_get_device_list(None)
took = time.perf_counter() - start
print(took * 1e6, verbs.ibv_get_device_name(ctypes.c_void_p(devices[0])).decode())
"""


def first_list(machine: RdmaMachine, variant: str) -> tuple[float, str]:
    argv = ["chroot", Roots.path(variant), "/usr/bin/python3", "-c", PROGRAM]
    microseconds, name = machine.run(argv).stdout.split()
    return float(microseconds), name


def test_the_patched_list_is_the_stock_list_and_comes_much_sooner(machine: RdmaMachine) -> None:
    stock, patched = zip(
        *((first_list(machine, "stock"), first_list(machine, "swift")) for _ in range(ROUNDS)),
        strict=True,
    )
    assert {name for _, name in stock} == {name for _, name in patched} == {"rxe0"}
    assert min(stock)[0] > LEAST_RATIO * min(patched)[0]
