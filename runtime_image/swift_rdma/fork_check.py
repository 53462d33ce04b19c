"""``python -m swift_rdma.fork_check``: which rung of sharing holds on this device, and under load.

Prints one line of JSON for each finding (``check``, ``state``, ``seen``, ``remedy``), the last one
named ``rung``. Exit code 1 when what the runtime would do by itself does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from swift_rdma import discovery, drill, ladder, verbs
from swift_rdma.drill import Extent, Failed
from swift_rdma.errors import RdmaError
from swift_rdma.foundation import Foundation
from swift_rdma.ladder import RUNGS, Standing

_MEANS = {
    "connected": "forks start with connected queue pairs",
    "shared": "forks start with queue pairs and registered memory",
    "inherited": "forks start with the opened device",
    "cached": "each fork opens the device, which it finds in the discovery cache",
    "stock": "each fork opens the device as any program does",
}
_SAFE = 'set RDMAV_SWIFT=0 and SWIFT_RDMA_RUNG=stock in containers.extra_env, or "swift-start" warm'


class Report:
    """Prints findings; knows whether one failed."""

    def __init__(self) -> None:
        self.failed = False

    def say(self, check: str, state: str, seen: str, remedy: str = "") -> None:
        self.failed = self.failed or state == "fail"
        line = {"check": check, "state": state, "seen": seen, "remedy": remedy}
        print(json.dumps(line), flush=True)


class ForkCheck:
    """The ladder from the rung that the runtime would take, down to the first that holds."""

    def __init__(self, device: str, arguments: argparse.Namespace, report: Report) -> None:
        self._device = device
        self._arguments = arguments
        self._report = report
        self._foundation: Foundation | None = None
        self._until = time.monotonic() + arguments.seconds

    def run(self) -> None:
        """Everything, each finding told as soon as it is known."""
        foundation = self._opened()
        place = foundation.place
        self._report.say("fork-device", "ok", f"{place.device}, GID {place.gid}, MTU {place.mtu}")
        standing = foundation.stand(os.environ)
        self._tell_probe(standing)
        taken = standing.rung
        if taken == "shared":  # the probe's word for both: the better one, where it is allowed
            taken = ladder.best_allowed(os.environ)
        held = self._climb_down(taken)
        self._close()
        self._conclude(taken, held)

    def _opened(self) -> Foundation:
        if self._foundation is None:
            self._foundation = Foundation(self._device)
        return self._foundation

    def _tell_probe(self, standing: Standing) -> None:
        if standing.reason is None:
            self._report.say("fork-probe", "ok", "a child uses what its parent prepared")
        else:
            remedy = "for the better rungs use the image swift-runtime:patched (docs/containers.md)"
            self._report.say("fork-probe", "warn", standing.reason, remedy)

    def _climb_down(self, taken: str) -> str | None:
        """The first rung that holds, from ``taken`` down."""
        for rung in RUNGS[RUNGS.index(taken) :]:
            if rung == "cached" and discovery.cached() is not None:
                continue
            if self._holds(rung):
                return rung
        return None

    def _holds(self, rung: str) -> bool:
        arguments = self._arguments
        # what is left is for the rungs below, should this one fail
        share = (self._until - time.monotonic()) / 2
        chance = random.Random(arguments.seed)
        extent = Extent(
            arguments.slots, arguments.rounds, arguments.writes, time.monotonic() + share, chance
        )
        try:
            self._drill(rung, extent)
        except (Failed, RdmaError, verbs.load().Error, OSError) as error:
            first = (str(error) or type(error).__name__).splitlines()[0]
            self._report.say(f"fork-{rung}", "fail", f"{first} ({extent})")
            self._close()
            return False
        self._report.say(f"fork-{rung}", "ok", str(extent))
        return True

    def _drill(self, rung: str, extent: Extent) -> None:
        drills: dict[str, Callable[[], Any]] = {
            "connected": lambda: drill.SlotDrill(self._opened(), extent, connected=True).run(),
            "shared": lambda: drill.SlotDrill(self._opened(), extent, connected=False).run(),
            "inherited": lambda: drill.inherited(self._opened(), extent),
        }
        drills.get(rung, lambda: drill.own(self._device, extent))()
        if rung == "inherited":
            # what killed children had on it goes with the file: the runtime opens it anew as well
            self._close()
            again = Extent(1, 1, extent.writes, time.monotonic() + 1, extent.chance)
            drill.inherited(self._opened(), again)
        if rung in ("connected", "shared"):
            self._free()

    def _free(self) -> None:
        """All that was made can be freed: the kernel refuses while anything is left."""
        foundation = self._opened()
        try:
            foundation.protection_domain.close()
        except verbs.load().Error as error:
            raise Failed(f"queue pairs or registrations were left behind ({error})") from error
        self._close()

    def _close(self) -> None:
        if self._foundation is not None:
            self._foundation.close()
            self._foundation = None

    def _conclude(self, taken: str, held: str | None) -> None:
        cache = discovery.cached()
        seen = "programs in this container use it" if cache is None else cache
        self._report.say("fork-cache", "ok" if cache is None else "info", seen)
        if held is None:
            self._report.say("rung", "fail", "none holds, not even each fork by itself", _SAFE)
        elif held != taken:
            remedy = f"set SWIFT_RDMA_RUNG={held} in containers.extra_env; safest: {_SAFE}"
            self._report.say("rung", "fail", f"{held} holds, {taken} does not", remedy)
        else:
            self._report.say("rung", "ok", f"{held} holds: {_MEANS[held]}")


def main() -> int:
    """The command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m swift_rdma.fork_check", description=__doc__)
    parser.add_argument("--device", default=os.environ.get("SWIFT_RDMA_DEVICE"))
    parser.add_argument("--slots", type=int, default=8, help="children at once")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--writes", type=int, default=50, help="of each child in a round")
    parser.add_argument("--seconds", type=float, default=60.0, help="most time, about")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    arguments = parser.parse_args()
    if not arguments.device:
        parser.error("--device or SWIFT_RDMA_DEVICE must name the RDMA device")
    if min(arguments.slots, arguments.rounds, arguments.writes) < 1:
        parser.error("--slots, --rounds and --writes are 1 or more")
    # as the runtime's template does, before the first verbs call
    os.environ.setdefault("RDMAV_SWIFT_FORK", "1")
    report = Report()
    try:
        ladder.best_allowed(os.environ)
        ForkCheck(arguments.device, arguments, report).run()
    except (RdmaError, ValueError) as error:
        report.say("fork-device", "fail", str(error))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
