"""Where the devstack keeps things: all of it under one directory, ``.devstack/`` by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Paths:
    """The devstack's directories.

    ``cache`` holds what was built or downloaded (safe to delete, costly to make again), ``data``
    what services keep between runs, ``run`` pid files, sockets and secrets (0700), ``logs`` logs.
    """

    home: Path

    @classmethod
    def find(cls, environ: Mapping[str, str] | None = None) -> Paths:
        """The directory that ``DEVSTACK_HOME`` names, else ``.devstack`` of this checkout."""
        named = (os.environ if environ is None else environ).get("DEVSTACK_HOME")
        home = Path(named).expanduser() if named else REPOSITORY / ".devstack"
        return cls(home.absolute())

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    def create(self) -> None:
        """Make the directories that are not there yet."""
        for directory in (self.cache, self.data, self.logs):
            directory.mkdir(parents=True, exist_ok=True)
        self.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run.chmod(0o700)
