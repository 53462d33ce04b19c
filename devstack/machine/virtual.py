"""The RDMA machine as a virtual one: Debian's kernel with soft-RoCE under QEMU."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from devstack.errors import DevstackError, NotRunning
from devstack.files import write_atomically
from devstack.machine import qemu
from devstack.machine.accelerator import Say, choose_accelerator, qemu_version
from devstack.machine.choice import Kind
from devstack.machine.clock import set_clock
from devstack.machine.content_key import content_key
from devstack.machine.docker_disk import DockerDisk
from devstack.machine.engine import open_engine
from devstack.machine.engine_api import EngineApi
from devstack.machine.guest import Guest, daemon, machine_control, stop_guest
from devstack.machine.layers import known_chains, leave_out_layers
from devstack.machine.project import PYTHON, push_project
from devstack.machine.root_image import RootImageBuilder
from devstack.machine.saved_state import SavedState
from devstack.machine.secure_shell import SecureShell
from devstack.machine.short_paths import socket_directory
from devstack.paths import Paths
from devstack.ports import Ports

_MOST_PROCESSORS = 4
_MOST_MEMORY_MB = 4096


@dataclass
class VirtualMachine:
    """See :class:`devstack.machine.machine.RdmaMachine` for what each member is."""

    paths: Paths
    say: Say
    init: str = qemu.SMALL_INIT

    kind: ClassVar[Kind] = "vm"
    host_address = qemu.HOST_ADDRESS
    rdma_address = "10.0.77.1"
    docker_host_url = "unix:///var/run/docker.sock"
    python = PYTHON

    def up(self) -> str:
        if self._is_up():
            set_clock(self._shell)
            push_project(self._shell)
            return "kept, it was up"
        began = time.monotonic()
        guest, state = self._prepare()
        how = self._start(guest, state)
        self._note(self._images())
        set_clock(guest.shell)
        push_project(guest.shell)
        self._prune(guest, state)
        return f"{how} in {time.monotonic() - began:.1f} s ({guest.hardware.accelerator})"

    def build(self) -> str:
        """Have the machine's disk made, without starting anything; minutes the first time."""
        builder = RootImageBuilder(self.paths)
        there = builder.current() is not None
        image = builder.ensure()
        return f"{'kept' if there else 'made'}: {image.key}"

    def down(self) -> bool:
        stopped = stop_guest(self.paths)
        RootImageBuilder(self.paths).remove_unfinished()
        return stopped

    def status(self) -> str:
        pid = daemon(self.paths).pid()
        if pid is None:
            return "down"
        return f"up, pid {pid}, virtual machine, ssh on 127.0.0.1:{self._shell.port}"

    def run(
        self, argv: Sequence[str], check: bool = True, timeout_s: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self._running_shell().run(argv, check=check, timeout_s=timeout_s)

    def command(self, argv: Sequence[str] = (), *, terminal: bool = False) -> list[str]:
        return self._running_shell().argv(argv, terminal=terminal)

    def push(self, local: Path, remote: str) -> None:
        self._running_shell().copy_to(local, remote)

    def pull(self, remote: str, local: Path) -> None:
        self._running_shell().copy_from(remote, local)

    def load_image(self, tag: str) -> None:
        """Have the host's image on the machine: for nothing at its next start, by a slower
        ``docker load`` of the layers that it lacks when it is up already."""
        engine = EngineApi(open_engine(self.paths).docker_host_url)
        identity = engine.image_id(tag)
        images = {**self._images(), tag: identity}
        write_atomically(self._images_file, json.dumps(images, indent=1), 0o644)
        if daemon(self.paths).pid() is None or self._loaded().get(tag) == identity:
            return
        self._load_now(engine, tag, identity)
        self._note({**self._loaded(), tag: identity})

    def _load_now(self, engine: EngineApi, tag: str, identity: str) -> None:
        directory = self.paths.cache / "machine"
        whole, missing = directory / "load.tar.part", directory / "load-missing.tar.part"
        listing = "docker image inspect -f '{{json .RootFS.Layers}}' $(docker image ls -aq)"
        try:
            engine.save_image(tag, identity, whole)
            said = self._shell.run(["sh", "-c", f"{listing} || true"]).stdout
            leave_out_layers(whole, missing, known_chains(map(json.loads, said.splitlines())))
            size_mb = missing.stat().st_size // 2**20
            self.say(f"machine: loading {tag}, {size_mb} MB of layers that it has not")
            with missing.open("rb") as file:
                self._shell.run(["docker", "load", "--quiet"], stdin=file)
        finally:
            whole.unlink(missing_ok=True)
            missing.unlink(missing_ok=True)

    def forward(self, port: int) -> int:
        """A port on this host's loopback that leads to ``port`` of the machine."""
        self._running_shell()
        ports, name = Ports(self.paths), f"machine-{port}"
        with machine_control(self.paths) as control:
            # One that was made before holds the port; that there is none is no failure.
            control.monitor(f"hostfwd_remove net0 tcp:127.0.0.1:{ports.get(name)}")
            chosen = ports.settle(name)
            said = control.monitor(f"hostfwd_add net0 tcp:127.0.0.1:{chosen}-:{port}")
        if said:
            raise DevstackError(f"machine: cannot forward port {port}: {said}")
        return chosen

    def _prepare(self) -> tuple[Guest, SavedState]:
        builder = RootImageBuilder(self.paths)
        image = builder.ensure()
        accelerator = choose_accelerator(self.paths, image, self.say)
        disk = DockerDisk(self.paths, self._images())
        hardware = qemu.Hardware(accelerator, _processors(), _memory_mb(), self.init)
        guest = Guest(self.paths, image, disk.ensure(), hardware, builder.ssh_key)
        # The overlays name their backing files by absolute paths, hence the home.
        key = content_key(
            image.key, disk.key, repr(hardware), qemu_version(), str(self.paths.home),
            Path(qemu.__file__),
        )  # fmt: skip
        return guest, SavedState(self.paths.cache / "machine" / f"state-{key}")

    def _start(self, guest: Guest, state: SavedState) -> str:
        if state.exists():
            try:
                guest.start(state)
            except DevstackError as error:
                self.say(f"machine: its saved state is of no use ({error}); booting")
                state.remove()
            else:
                return "loaded"
        guest.boot(self.say)
        try:
            guest.save(state)
            guest.start(state)
        except DevstackError as error:
            self.say(f"machine: cannot save and load its state ({error}); booting")
            state.remove()
            guest.boot(self.say)
        return "booted"

    def _is_up(self) -> bool:
        if daemon(self.paths).pid() is None or not self._running.exists():
            return False
        running = json.loads(self._running.read_text())
        if running != self._description(self._images()):
            return False
        try:
            return self._shell.run(["true"], check=False, timeout_s=30).returncode == 0
        except DevstackError as error:
            self.say(f"machine: it runs but does not answer ({error}); starting it anew")
            return False

    def _description(self, images: Mapping[str, str]) -> dict[str, object]:
        """What a machine that runs must be the same in, to be kept."""
        image = RootImageBuilder(self.paths).current()
        return {"image": image and image.key, "images": dict(images), "init": self.init}

    def _note(self, images: Mapping[str, str]) -> None:
        write_atomically(self._running, json.dumps(self._description(images)))

    def _prune(self, guest: Guest, state: SavedState) -> None:
        """Remove disks and states of other inputs: they are large, and this one is made."""
        cache = self.paths.cache / "machine"
        for other in [*cache.glob("state-*"), *cache.glob("root-*")]:
            if other in (state.directory, guest.image.directory):
                continue
            if other.is_symlink():  # another home's, which a test has borrowed
                other.unlink()
            else:
                shutil.rmtree(other)
        for disk in cache.glob("docker-*.img"):
            if disk != guest.docker_disk:
                disk.unlink()

    @property
    def _shell(self) -> SecureShell:
        directory = socket_directory(self.paths, "machine")
        key = RootImageBuilder(self.paths).ssh_key
        return SecureShell(directory, Ports(self.paths).get("machine-ssh"), key)

    def _running_shell(self) -> SecureShell:
        if daemon(self.paths).pid() is None:
            raise NotRunning("the RDMA machine is down: python -m devstack.machine up")
        return self._shell

    @property
    def _running(self) -> Path:
        return socket_directory(self.paths, "machine") / "running.json"

    @property
    def _images_file(self) -> Path:
        return self.paths.data / "machine" / "images.json"

    def _images(self) -> Mapping[str, str]:
        return _read_images(self._images_file)

    def _loaded(self) -> Mapping[str, str]:
        if not self._running.exists():
            return {}
        images: dict[str, str] = json.loads(self._running.read_text())["images"]
        return images


def _read_images(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    images: dict[str, str] = json.loads(file.read_text())
    return images


def _processors() -> int:
    return min(os.cpu_count() or 1, _MOST_PROCESSORS)


def _memory_mb() -> int:
    """Half of the host's memory, at most 4 GiB: the rest is for the image builds and services."""
    whole_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return min(whole_mb // 2, _MOST_MEMORY_MB)
