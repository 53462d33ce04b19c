"""Where connections get their RDMA resources from.

Now each process opens the device for itself (:class:`StockResources`). A provider that hands out
what the template prepared before the fork takes its place by :func:`use`, and connections do not
notice.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Protocol

from swift_rdma import errors, gid, phases, verbs
from swift_rdma.lane import Lane, Place, place
from swift_rdma.memory import Region


class Resources(Protocol):
    """A provider of lanes and registered memory."""

    rung: str
    """How far resources are shared, as it is reported in activation records."""
    place: Place

    def lane(self) -> Lane:
        """A queue pair that is ready to be connected."""

    def region(self, length: int) -> Region:
        """Registered memory for local use (as source and target of operations)."""

    def release(self, lane: Lane) -> None:
        """Take a lane back."""


class StockResources:
    """One opened device and one protection domain for this process, the rest for each use."""

    rung = "stock"

    def __init__(self, device: str | None = None) -> None:
        context = verbs.open_device(device)
        self.place = place(context, gid.choose(verbs.gid_table(context), os.environ))
        self.protection_domain = new_protection_domain(context)
        for name, value in gid.export(self.place.device, self.place.port, self.place.gid).items():
            os.environ.setdefault(name, value)

    def lane(self) -> Lane:
        return Lane(self.place, self.protection_domain)

    def region(self, length: int) -> Region:
        return Region(self.protection_domain, length)

    def release(self, lane: Lane) -> None:
        lane.close()


def new_protection_domain(context: Any) -> Any:
    """Allocate one; timed."""
    v = verbs.load()
    try:
        with phases.phase("protection_domain"):
            return v.PD(context)
    except v.Error as error:
        raise errors.creation_failed("protection domain", verbs.number_of(error)) from error


_current: Resources | None = None
_owner = 0
_abandoned: list[Resources] = []


def current() -> Resources:
    """The provider of this process; the default one is made at the first call."""
    global _current
    if _current is not None and _owner != os.getpid():
        # Opened before the fork. Its destructors would destroy what is the parent's, so it is
        # kept alive, unused, until this process leaves by os._exit.
        _abandoned.append(_current)
        _current = None
    if _current is None:
        use(StockResources(os.environ.get("SWIFT_RDMA_DEVICE") or None))
    assert _current is not None
    return _current


def use(resources: Resources) -> None:
    """Make ``resources`` the provider of this process."""
    global _current, _owner
    _current, _owner = resources, os.getpid()
    phases.set_rung(resources.rung)
    if os.environ.get("SWIFT_RDMA_LOG"):
        print(f"swift_rdma: {resources.place.device}, GID {resources.place.gid}", file=sys.stderr)
