"""A Docker Engine on the host: the one that runs, else our own beside everything else's."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from devstack import commands
from devstack.errors import DevstackError
from devstack.files import write_atomically
from devstack.machine.bridge import Bridge, choose_bridge, create_bridge, remove_bridge
from devstack.machine.containers import kill_containers
from devstack.machine.content_key import content_key
from devstack.machine.privilege import as_root
from devstack.machine.short_paths import socket_directory
from devstack.paths import Paths
from devstack.process import Daemon

SYSTEM_SOCKET = Path("/var/run/docker.sock")
_CGROUPS = Path("/sys/fs/cgroup")


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


@dataclass
class OwnEngine:
    """A dockerd with its own data, sockets, bridge and cgroup, all of it below the home."""

    paths: Paths
    _log: Path = field(init=False)

    def __post_init__(self) -> None:
        self._log = self.paths.logs / "engine-setup.log"

    @property
    def socket(self) -> Path:
        return socket_directory(self.paths, "engine") / "docker.sock"

    @property
    def docker_host_url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def data(self) -> Path:
        """Images and containers; kept between runs."""
        return self.paths.data / "docker"

    @property
    def log(self) -> Path:
        return self._daemon().log

    def up(self) -> str:
        if os.geteuid() != 0:
            raise DevstackError(
                "no Docker Engine answers, and starting one needs root: start Docker and join the "
                "group docker, or run this as root"
            )
        daemon = self._daemon()
        if daemon.pid() is None:
            self._release_mounts()
            bridge = choose_bridge(self.paths)
            create_bridge(bridge, self._log)
            write_atomically(self._configuration, json.dumps(self._settings(bridge), indent=1))
        started = daemon.start()
        return f"{'started' if started else 'kept'}, {self.docker_host_url}"

    def down(self) -> bool:
        daemon = self._daemon()
        if daemon.pid() is not None:
            # dockerd would give each the ten seconds that programs as process 1 ignore SIGTERM.
            kill_containers(self.docker_host_url)
        stopped = daemon.stop()
        remembered = self.paths.run / "engine-bridge.json"
        if remembered.exists():
            self._release_mounts()
            remove_bridge(choose_bridge(self.paths), self._log)
            self._remove_cgroups()
            shutil.rmtree(self.socket.parent)
            remembered.unlink()
        return stopped

    def status(self) -> str:
        pid = self._daemon().pid()
        return "down" if pid is None else f"up, pid {pid}, {self.docker_host_url}"

    def _daemon(self) -> Daemon:
        argv = ["dockerd", "--config-file", str(self._configuration)]
        return Daemon(
            self.paths, "engine", argv, ready=lambda: answers(self.socket), ready_s=60, stop_s=30
        )

    @property
    def _configuration(self) -> Path:
        return self.paths.run / "engine.json"

    @property
    def _execution(self) -> Path:
        return self.socket.parent / "exec"

    @property
    def _cgroup(self) -> str:
        return f"swift-{content_key(str(self.paths.home))[:8]}"

    def _settings(self, bridge: Bridge) -> dict[str, object]:
        return {
            "hosts": [self.docker_host_url],
            "data-root": str(self.data),
            "exec-root": str(self._execution),
            "pidfile": str(self.socket.parent / "dockerd.pid"),
            "bridge": bridge.name,
            "fixed-cidr": str(bridge.subnet),
            "storage-driver": "overlay2",
            # With systemd's driver a cgroup of our own would have to be one of its slices.
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": f"/{self._cgroup}",
            "userland-proxy": False,
            "log-level": "warn",
        }

    def _release_mounts(self) -> None:
        """Unmount what a dockerd that was killed left mounted."""
        # dockerd also mounts its data directory on itself.
        ours = (f"{self.data}/", f"{self._execution}/")
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in reversed([mount for mount in mounts if f"{mount}/".startswith(ours)]):
            commands.run(as_root(["umount", "-l", mount]), self._log, what=f"releasing {mount}")

    def _remove_cgroups(self) -> None:
        """Remove our cgroup: on version 2 one directory, on version 1 one for each controller."""
        places = [_CGROUPS, *(entry for entry in _CGROUPS.iterdir() if entry.is_dir())]
        for place in places:
            top = place / self._cgroup
            if top.is_dir():
                below = [Path(name) for name, _, _ in os.walk(top, topdown=False)]
                for directory in below:
                    directory.rmdir()


def open_engine(paths: Paths) -> Engine:
    """The engine to use: the one DOCKER_HOST names, the system's when it answers, else our own."""
    named = os.environ.get("DOCKER_HOST")
    if named:
        return ExistingEngine(named)
    if answers(SYSTEM_SOCKET):
        return ExistingEngine(f"unix://{SYSTEM_SOCKET}")
    return OwnEngine(paths)


def answers(path: Path) -> bool:
    """Whether a Docker Engine answers on the Unix socket ``path``."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(5)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", "/_ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
