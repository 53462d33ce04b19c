"""Our own Docker Engine on the host, beside everything else's."""

from __future__ import annotations

import grp
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from devstack.files import write_atomically
from devstack.machine.bridge import (
    Bridge,
    choose_bridge,
    create_bridge,
    has_bridge,
    remove_bridge,
)
from devstack.machine.content_key import content_key
from devstack.machine.engine_api import EngineApi
from devstack.machine.leftovers import end_processes, release_mounts, remove_cgroups
from devstack.machine.short_paths import socket_directory
from devstack.paths import Paths
from devstack.process import Daemon


@dataclass
class OwnEngine:
    """A dockerd with its own data, sockets, bridge and cgroup, all of it below the home.

    Needs root. Its socket belongs to the group that the home belongs to.
    """

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
        daemon = self._daemon()
        if daemon.pid() is None:
            self._clean_up()
            bridge = choose_bridge(self.paths)
            create_bridge(bridge, self._log)
            write_atomically(self._configuration, json.dumps(self._settings(bridge), indent=1))
        started = daemon.start()
        return f"{'started' if started else 'kept'}, {self.docker_host_url}"

    def down(self) -> bool:
        daemon = self._daemon()
        if daemon.pid() is not None:
            # dockerd would give each the ten seconds that programs as process 1 ignore SIGTERM.
            self._api.kill_containers()
        stopped = daemon.stop()
        if has_bridge(self.paths):
            self._clean_up()
            remove_cgroups(self._cgroup)
            self._configuration.unlink(missing_ok=True)
            remove_bridge(self.paths, self._log)
        return stopped

    def status(self) -> str:
        pid = self._daemon().pid()
        return "down" if pid is None else f"up, pid {pid}, {self.docker_host_url}"

    def _daemon(self) -> Daemon:
        argv = ["dockerd", "--config-file", str(self._configuration)]
        return Daemon(self.paths, "engine", argv, ready=self._api.answers, ready_s=60, stop_s=30)

    @property
    def _api(self) -> EngineApi:
        return EngineApi(self.docker_host_url)

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
            "group": grp.getgrgid(self.paths.home.stat().st_gid).gr_name,
            "userland-proxy": False,
            "log-level": "warn",
        }

    def _clean_up(self) -> None:
        """Remove what a dockerd that was killed left running and mounted; it may be nothing."""
        end_processes(self._execution, self._cgroup)
        release_mounts((self.data, self._execution), self._log)
        shutil.rmtree(self.socket.parent)
