"""Our own Docker Engine for a user who is not root but may sudo.

``python -m devstack.machine.engine_by_sudo up|down HOME`` is what sudo runs; the engine's socket
then belongs to the user's group, so that everything else needs no privilege.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from devstack import commands
from devstack.errors import DevstackError
from devstack.machine.bridge import has_bridge
from devstack.machine.engine_api import EngineApi
from devstack.machine.own_engine import OwnEngine
from devstack.machine.privilege import as_root
from devstack.paths import REPOSITORY, Paths


@dataclass(frozen=True)
class EngineBySudo:
    """An :class:`OwnEngine` that is started and stopped by sudo."""

    paths: Paths

    @property
    def docker_host_url(self) -> str:
        return OwnEngine(self.paths).docker_host_url

    def up(self) -> str:
        if EngineApi(self.docker_host_url).answers():
            return f"kept, {self.docker_host_url}"
        self._as_root("up")
        return f"started by sudo, {self.docker_host_url}"

    def down(self) -> bool:
        if not has_bridge(self.paths):
            return False
        self._as_root("down")
        return True

    def status(self) -> str:
        there = EngineApi(self.docker_host_url).answers()
        return f"up, started by sudo, {self.docker_host_url}" if there else "down"

    def _as_root(self, verb: str) -> None:
        argv = [sys.executable, "-m", __name__, verb, str(self.paths.home)]
        commands.run(
            as_root(argv),
            self.paths.logs / "engine-sudo.log",
            what=f"Docker Engine {verb}",
            directory=REPOSITORY,
        )


def main(arguments: list[str]) -> int:
    """What runs as root."""
    verb, home = arguments
    engine = OwnEngine(Paths(Path(home)))
    try:
        print(engine.up() if verb == "up" else engine.down())
    except DevstackError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
