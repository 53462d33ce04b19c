"""Where connections get their RDMA resources from.

Now each process opens the device for itself (:class:`StockResources`). A provider that hands out
what the template prepared before the fork takes its place by :func:`use`, and connections do not
notice.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Protocol

from swift_rdma import errors, gid, phases, verbs
from swift_rdma.dial import Ahead
from swift_rdma.lane import Lane, Place, place
from swift_rdma.memory import Buffer, Region
from swift_rdma.peer import Peer


class Resources(Protocol):
    """A provider of lanes and registered memory."""

    rung: str
    """How far resources are shared, as it is reported in activation records."""
    place: Place

    def lane(self) -> Lane:
        """A queue pair that is ready to be connected."""

    def connected(self, peer: Peer) -> Ahead | None:
        """A lane that is connected to ``peer`` already; None when there is none."""

    def region(self, length: int) -> Buffer:
        """Registered memory for local use (as source and target of operations)."""

    def release(self, lane: Lane) -> None:
        """Take a lane back."""

    def rehearse(self) -> None:
        """Touch what a first connection will; see :func:`rehearse`."""


class StockResources:
    """One opened device and one protection domain for this process, the rest for each use."""

    def __init__(self, device: str | None = None) -> None:
        self.rung = own_rung
        self.place = open_place(device)
        self.protection_domain = new_protection_domain(self.place.context)
        export_choice(self.place)

    def lane(self) -> Lane:
        phases.took(self.rung)
        return Lane(self.place, self.protection_domain)

    def connected(self, peer: Peer) -> Ahead | None:
        return None

    def region(self, length: int) -> Buffer:
        return Region(self.protection_domain, length)

    def release(self, lane: Lane) -> None:
        lane.close()

    def rehearse(self) -> None:
        """Nothing was made ahead."""


def open_place(device: str | None) -> Place:
    """Open a device and choose its address."""
    context = verbs.open_device(device)
    try:
        return place(context, gid.choose(verbs.gid_table(context), os.environ))
    except BaseException:
        context.close()
        raise


def export_choice(where: Place) -> None:
    """Tell UCX and NCCL, should the action use them, what was chosen.

    What the operator or the action has set stays; what we told of an earlier choice does not.
    """
    for name, value in gid.export(where.device, where.port, where.gid).items():
        if os.environ.get(name) in (None, _exported.get(name)):
            os.environ[name] = _exported[name] = value


def new_protection_domain(context: Any) -> Any:
    """Allocate one; timed."""
    v = verbs.load()
    try:
        with phases.phase("protection_domain"):
            return v.PD(context)
    except v.Error as error:
        raise errors.creation_failed("protection domain", verbs.number_of(error)) from error


own_rung = "stock"
"""The rung of a process that opens the device for itself; ``cached`` where that is quick."""
own_reason: str | None = None
"""Why it shares nothing, where a template found that out."""
_current: Resources | None = None
_owner = 0
_abandoned: list[Resources] = []
_exported: dict[str, str] = {}
_making = threading.Lock()
"""Two threads of an action may need the provider first at the same time."""


def current() -> Resources:
    """The provider of this process; the default one is made at the first call."""
    with _making:
        _abandon_the_parents()
        if _current is None:
            use(StockResources(os.environ.get("SWIFT_RDMA_DEVICE") or None), own_reason)
        assert _current is not None
        return _current


def use(resources: Resources, why: str | None = None) -> None:
    """Make ``resources`` the provider of this process; ``why`` it shares no more than it does."""
    global _current, _owner
    _abandon_the_parents()
    _current, _owner = resources, os.getpid()
    phases.set_rung(resources.rung, why)
    if os.environ.get("SWIFT_RDMA_LOG"):
        print(f"swift_rdma: {resources.place.device}, GID {resources.place.gid}", file=sys.stderr)


def rehearse() -> None:
    """Touch the memory that a first connection will touch; nothing is sent and nothing is taken."""
    if _current is not None and _owner == os.getpid():
        _current.rehearse()


def _abandon_the_parents() -> None:
    """What was opened before the fork is kept alive, unused, until this process leaves.

    Its destructors would destroy what is the parent's.
    """
    global _current
    if _current is not None and _owner != os.getpid():
        _abandoned.append(_current)
        _current = None
