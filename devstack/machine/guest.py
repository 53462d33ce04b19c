"""One run of QEMU: started from its disks or from a saved state, spoken to, saved, ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevstackError, NotReady
from devstack.machine import qemu
from devstack.machine.accelerator import Say
from devstack.machine.project import PYTHON
from devstack.machine.qmp import MachineControl
from devstack.machine.root_image import RootImage
from devstack.machine.saved_state import SavedState, make_overlay
from devstack.machine.secure_shell import SecureShell
from devstack.machine.short_paths import socket_directory
from devstack.paths import Paths
from devstack.ports import Ports
from devstack.process import Daemon

# An emulated machine takes 15 to 60 s; one was seen that had not booted after 300.
_BOOT_S, _FIRST_BOOT_S = 300.0, 180.0
_LOAD_S = 30.0
_STARTED, _FAILED = "swift: started", "swift: failed"
# Waits for the engine, which answers on its socket only when it is ready, and looks at the device.
_CHECK = (
    "until [ -S /run/docker.sock ]; do sleep 0.1; done; docker version >/dev/null && "
    "rdma link show rxe0/1 | grep -q ACTIVE"
)


# Reads what every use of the machine reads, so that a saved state has it in memory already.
_WARM_UP = (
    f"{PYTHON} -c 'import aiohttp, confluent_kafka, couchdb, docker, pyverbs.device' && "
    "cat /usr/bin/crun /usr/bin/containerd-shim-runc-v2 /usr/sbin/xtables-nft-multi >/dev/null"
)


@dataclass
class Guest:
    """The virtual machine as a process of this host."""

    paths: Paths
    image: RootImage
    docker_disk: Path
    hardware: qemu.Hardware
    key: Path

    @property
    def shell(self) -> SecureShell:
        directory = socket_directory(self.paths, "machine")
        return SecureShell(directory, Ports(self.paths).get("machine-ssh"), self.key)

    def boot(self, say: Say) -> None:
        """Start it from its disks; once more when it does not come up in time."""
        try:
            self.start(limit_s=_FIRST_BOOT_S)
        except NotReady as error:
            say(f"machine: {error}; booting it once more")
            self.start()

    def start(self, state: SavedState | None = None, limit_s: float = _BOOT_S) -> None:
        """Start it, from ``state`` if given, until Docker and RDMA answer; else leave nothing.

        Raises :class:`NotReady` when it has not booted after ``limit_s``.
        """
        try:
            self._start(state, limit_s)
            self.shell.prepare(self.image.host_key)
            self._check(state)
        except BaseException:
            self.stop()
            raise

    def save(self, state: SavedState) -> None:
        """Save it as ``state``; that ends it."""
        memory = self._overlays[0].with_name("memory.part")
        self.shell.run(["sh", "-c", _WARM_UP])
        self.shell.close()
        with machine_control(self.paths) as control:
            control.save(memory)
        daemon(self.paths).stop()
        state.keep(memory, self._overlays)

    def stop(self) -> bool:
        """End it. Its disks were throw-away overlays: nothing to write back."""
        return stop_guest(self.paths)

    @property
    def _control(self) -> Path:
        return control_socket(self.paths)

    @property
    def _console(self) -> Path:
        return self.paths.logs / "machine-console.log"

    @property
    def _overlays(self) -> tuple[Path, Path]:
        directory = self.paths.data / "machine"
        return directory / "root.qcow2", directory / "docker.qcow2"

    def _start(self, state: SavedState | None, boot_s: float) -> None:
        self.stop()
        for overlay, disk in zip(self._overlays, (self.image.disk, self.docker_disk), strict=True):
            if state is None:
                make_overlay(overlay, disk, "raw")
            else:
                make_overlay(overlay, state.disk(overlay), "qcow2")
        self._control.unlink(missing_ok=True)
        self._console.unlink(missing_ok=True)
        argv = qemu.machine_arguments(
            self.hardware,
            self.image.kernel,
            self.image.initramfs,
            self._overlays,
            console=self._console,
            control=self._control,
            ssh_port=Ports(self.paths).settle("machine-ssh"),
            saved_state=state.memory if state else None,
        )
        running = daemon(self.paths, argv)
        running.ready = self._booted if state is None else self._loaded
        running.ready_s = boot_s if state is None else _LOAD_S
        try:
            running.start()
        except NotReady as error:
            raise NotReady(f"{error}; its console ends: {self._last_words()}") from error

    def _booted(self) -> bool:
        if not self._console.exists():
            return False
        said = self._console.read_text(errors="replace")
        if _FAILED in said:
            raise DevstackError(f"the machine's start failed: see {self._console}")
        return _STARTED in said and self.shell.answers()

    def _last_words(self) -> str:
        """The end of the console: of a machine that hangs, all that is known."""
        said = self._console.read_text(errors="replace") if self._console.exists() else ""
        return " / ".join(said.split("\n")[-4:]).strip(" /\r") or "it said nothing"

    def _loaded(self) -> bool:
        if not self._control.exists():
            return False
        with machine_control(self.paths) as control:
            control.await_migration(_LOAD_S)
            control.execute("cont")
        return True

    def _check(self, state: SavedState | None) -> None:
        # A machine that was loaded believes that it is the time at which it was saved.
        now = f"date -s @{int(time.time())} >/dev/null && " if state else ""
        limit_s = _BOOT_S if state is None else _LOAD_S
        try:
            self.shell.run(["sh", "-c", now + _CHECK], timeout_s=limit_s)
        except DevstackError as error:
            raise DevstackError(f"{error}; console: {self._console}") from error


def daemon(paths: Paths, argv: list[str] | None = None) -> Daemon:
    """QEMU as a background process of the devstack."""
    return Daemon(paths, "machine", argv or [], stop_s=10.0)


def control_socket(paths: Paths) -> Path:
    return socket_directory(paths, "machine") / "control.sock"


def machine_control(paths: Paths) -> MachineControl:
    """A connection to the QEMU that runs; it serves one at a time."""
    return MachineControl(control_socket(paths))


def stop_guest(paths: Paths) -> bool:
    """End the machine, whichever it is, and what belongs to its run."""
    directory = socket_directory(paths, "machine")
    port = Ports(paths).get("machine-ssh")
    SecureShell(directory, port, paths.data / "machine" / "ssh_key").close()
    stopped = daemon(paths).stop()
    for pattern in ("*.qcow2", "*.part"):
        for file in (paths.data / "machine").glob(pattern):
            file.unlink()
    for name in ("control.sock", "running.json", "ssh_config", "known_hosts"):
        (directory / name).unlink(missing_ok=True)
    return stopped
