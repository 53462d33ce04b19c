"""The machine that RDMA functions run on, and the host's Docker Engine."""

from devstack.machine.engine import Engine, open_engine
from devstack.machine.machine import RdmaMachine, machine_kind, machine_programs, open_machine

__all__ = [
    "Engine",
    "RdmaMachine",
    "machine_kind",
    "machine_programs",
    "open_engine",
    "open_machine",
]
