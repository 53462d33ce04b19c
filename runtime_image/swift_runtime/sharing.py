"""RDMA resources that the template prepares for its forks.

This is the border behind which anything may fail: drivers, kernels and peers are many, and what
goes wrong here costs an activation some milliseconds (rung ``stock``: it sets up its own), never
its result. So every exception is caught here, and told.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

STOCK = "stock"
_IDLE_MS = 5
"""Work for later forks waits for so long a rest: a burst's own processes come first."""
_WATCH_MS = 5000
"""How often an idle template looks whether its device is still there: the removal of one whose
driver can't take it from its users (rxe) waits until all have closed it."""
_PAUSE_SECONDS = 4.0
_REASON_LENGTH = 500
"""It goes into a header of every answer."""


class Sharing:
    """What the template has opened, and the rung of sharing its workers stand on."""

    def __init__(self, device: str | None) -> None:
        self.rung: str | None = None if device is None else STOCK
        self.reason: str | None = None
        """Why it is not a better rung."""
        self.place: str | None = None
        """Device, port and chosen address of what was opened last, in words."""
        self._device = device
        self._foundation: Any = None
        self._standing: Any = None
        self._shared: Any = None
        self._wish: tuple[int, Sequence[str]] | None = None
        self._next: Any = None
        self._owned: set[int] = set()
        """Slots of the present ``_shared``: a worker may be older than that."""
        self._not_before = 0.0
        self._started_again = False

    def open(self) -> None:
        """At the template's start: import, open the device, find the rung by trying."""
        if self._device is None:
            return
        # read once by a patched libibverbs, at its first call; others don't know it
        os.environ.setdefault("RDMAV_SWIFT_FORK", "1")
        self._or_drop("opening the device", self._open)

    def _open(self) -> None:
        # a second and more on a slow machine: paid while the container waits for its /init
        import swift_rdma
        from swift_rdma import ladder, resources
        from swift_rdma.foundation import Foundation

        swift_rdma.preload()
        if ladder.best_allowed(os.environ) == STOCK:
            self._stand(ladder.Standing(STOCK, f"{ladder.BEST_VARIABLE} is {STOCK}"))
            return
        self._foundation = Foundation(str(self._device))
        place = self._foundation.place
        resources.export_choice(place)
        self.place = f"{place.device} port {place.port}, GID {place.gid}"
        self._stand(self._foundation.stand(os.environ))
        if self.rung in (STOCK, "cached"):
            foundation, self._foundation, self._wish = self._foundation, None, None
            foundation.close()

    def _stand(self, standing: Any) -> None:
        self._standing = standing
        self.rung, self.reason = standing.rung, standing.reason

    def prepare(self, slots: int, peers: Sequence[str], refusal: str | None) -> None:
        """After the action was loaded: make ``slots`` slots; not when there is a ``refusal``."""
        if refusal is not None:
            self._drop(refusal)
        elif self._foundation is not None:
            self._wish = (slots, peers)
            if self._foundation.present():
                self._or_drop("preparing slots", self._prepare)
            else:
                self._start_again("the device is not the one that was opened")  # a stem cell waits

    def _prepare(self) -> None:
        from swift_rdma import ladder
        from swift_rdma.inheritable import Inheritable
        from swift_rdma.shared import Shared

        assert self._wish is not None
        slots, peers = self._wish
        if self._standing.rung == "shared":
            best = ladder.best_allowed(os.environ)
            self._shared = Shared(self._foundation, slots, peers, best)
        else:
            self._shared = Inheritable(self._foundation, slots)
        self.rung = self._shared.rung
        self.reason = (self._standing.reason or self._shared.reason or "")[:_REASON_LENGTH] or None

    def before_fork(self, slot: int) -> None:
        """Have the slot ready for the worker that is forked next."""
        self._next = None
        if self._wish is None:
            return
        if self._foundation is None or not self._foundation.present():
            self._start_again("the device was removed")
        if self._shared is not None:
            self._or_say(f"slot {slot} could not be had", lambda: self._take(slot))

    def _take(self, slot: int) -> None:
        self._next = self._shared.take(slot)
        self._owned.add(slot)

    def adopt(self) -> None:
        """In the new worker: use what was made ready for it."""
        resources: Any = sys.modules.get("swift_rdma.resources")
        if resources is None:
            return
        if self._next is not None:
            resources.use(self._next, self.reason)
        elif self._device is not None:
            resources.own_rung = "cached" if self.rung == "cached" else STOCK
            resources.own_reason = self.reason

    def after_end(self, slot: int) -> None:
        """The worker of ``slot`` is gone, or never was."""
        if slot in self._owned:
            self._owned.discard(slot)
            self._or_say(f"slot {slot} was not taken back", lambda: self._shared.give_back(slot))

    def idle_ms(self) -> int | None:
        """After how much idle time :meth:`step` may have something to do; None: not at all."""
        if self._shared is None:
            return None
        due_seconds = 0.0 if self._shared.spoilt else self._shared.due_seconds()
        if due_seconds is None:
            return _WATCH_MS
        pause_seconds = self._not_before - time.monotonic()
        return min(_WATCH_MS, _IDLE_MS + int(max(due_seconds, pause_seconds, 0.0) * 1000))

    def step(self) -> None:
        """One piece of work for later forks."""
        if self._shared is None:
            return
        if not self._foundation.present():
            self._start_again("the device was removed")
        elif self._shared.spoilt:
            self._start_again("dead workers left RDMA objects behind")
        elif not self._or_say("slots are not renewed", self._shared.step):
            self._not_before = time.monotonic() + _PAUSE_SECONDS

    def stale(self) -> bool:
        """Whether spare workers should go: since the last call something was opened anew, or dead
        workers left objects behind, which is mended when no slot is owned."""
        stale = self._started_again or (self._shared is not None and self._shared.tainted)
        self._started_again = False
        return stale

    def fresh(self) -> bool:
        """In a spare worker: whether the device is still the one that was opened."""
        return self._foundation is None or bool(self._foundation.present())

    def _start_again(self, why: str) -> None:
        """Open the device anew; what is open is let go first."""
        self._started_again = True
        _say(f"{why}: opening it anew")
        self._drop(why)
        from swift_rdma.foundation import directory_of

        if directory_of(str(self._device)) is None:
            return  # workers get an error that says so; the next fork looks again
        self._or_drop("opening the device", self._open)
        if self._foundation is not None:
            self._or_drop("preparing slots", self._prepare)

    def _or_say(self, what: str, work: Callable[[], object]) -> bool:
        """Whether ``work`` was done; siblings that use what is open are not disturbed."""
        try:
            work()
        except Exception as error:  # noqa: BLE001  see the module's docstring
            _say(f"{what}: {_text(error)}")
            return False
        return True

    def _or_drop(self, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  see the module's docstring
            self._drop(f"{what}: {_text(error)}")
            _say(f"workers set up their own resources; {self.reason}")

    def _drop(self, reason: str) -> None:
        """Share nothing any more. No worker uses what is open, or its device is gone."""
        if self.rung is not None:
            self.rung, self.reason = STOCK, reason
        self._owned.clear()
        self._next = None
        held, self._shared, self._foundation = (self._shared, self._foundation), None, None
        for one in held:
            if one is not None:
                self._or_say("RDMA resources could not be freed", one.close)


def _text(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _say(text: str) -> None:
    print(f"swift: RDMA: {text}", file=sys.stderr)
