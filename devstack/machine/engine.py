"""A Docker Engine on the host: the one that runs, else our own beside everything else's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

from devstack.machine.engine_api import EngineApi
from devstack.machine.engine_by_sudo import EngineBySudo
from devstack.machine.own_engine import OwnEngine
from devstack.paths import Paths

_SYSTEM_ENGINE = "unix:///var/run/docker.sock"


class Engine(Protocol):
    """A Docker Engine by its ``docker_host_url`` (what DOCKER_HOST takes)."""

    @property
    def docker_host_url(self) -> str: ...

    def up(self) -> str:
        """Have it answering; returns a few words on what that took."""

    def down(self) -> bool:
        """Stop it when it is ours; says whether there was anything to stop."""

    def status(self) -> str: ...


@dataclass(frozen=True)
class ExistingEngine:
    """An engine that somebody else runs: used, never stopped."""

    docker_host_url: str

    def up(self) -> str:
        return f"the host's own, {self.docker_host_url}"

    def down(self) -> bool:
        return False

    def status(self) -> str:
        return f"up, not ours, {self.docker_host_url}"


def open_engine(paths: Paths) -> Engine:
    """The engine to use: the one DOCKER_HOST names, the system's when it answers, else our own."""
    named = os.environ.get("DOCKER_HOST")
    if named:
        return ExistingEngine(named)
    if EngineApi(_SYSTEM_ENGINE).answers():
        return ExistingEngine(_SYSTEM_ENGINE)
    return OwnEngine(paths) if os.geteuid() == 0 else EngineBySudo(paths)
