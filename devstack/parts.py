"""What the devstack is made of: each part says how it is had, stopped and looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevstackError
from devstack.packages import Program
from devstack.steps import Step

PROGRAMS = "programs"
"""The name of the step that has what all chosen parts need installed."""


@dataclass(frozen=True)
class Part:
    """One part by ``name``.

    ``requires`` names the parts that must be up with it; ``steps`` make it (their ``after`` may
    name steps of required parts); ``stop`` ends it and says whether there was anything to end;
    ``state`` is its line in ``status``; ``programs`` are what must be installed for it; ``logs``
    fetches its logs; ``environment`` is what ``env`` prints for it.
    """

    name: str
    steps: Sequence[Step]
    stop: Callable[[], bool]
    state: Callable[[], str]
    requires: tuple[str, ...] = ()
    programs: Callable[[], Sequence[Program]] = tuple
    logs: Callable[[], Sequence[Path]] = tuple
    environment: Callable[[], Mapping[str, str]] = dict


def choose(parts: Sequence[Part], names: Sequence[str]) -> list[Part]:
    """The parts called ``names`` and all that those require, in order; none named means all."""
    known = {part.name: part for part in parts}
    wanted: set[str] = set()

    def want(name: str) -> None:
        if name not in known:
            raise DevstackError(f"no part is called {name!r}; there are: {', '.join(known)}")
        if name not in wanted:
            wanted.add(name)
            for required in known[name].requires:
                want(required)

    for name in names or known:
        want(name)
    return [part for part in parts if part.name in wanted]
