"""Root file systems on the RDMA machine, each with one variant of rdma-core."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from devstack.errors import DevstackError
from devstack.machine import RdmaMachine

BUILD = Path(__file__).resolve().parents[2] / "patches" / "rdma-core" / "build.py"
REMOTE = "/run/verbs-roots"
MEMORY = "memory"
OVERLAY = "overlay"
_DISK = "/var/lib/docker/verbs-roots"  # of the machine's disk, where containers have theirs
DEBIAN = "debian-root"  # Debian's own rdma-core
UNSEALED = "unsealed"  # swift, with driver files that have not the seal of their installation
_BASE = "test-root"
_SHARED = ("dev", "sys", "proc", "run")


def built(what: str) -> Path:
    """The tar that ``build.py WHAT`` makes or has."""
    done = subprocess.run(
        [sys.executable, str(BUILD), what], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise DevstackError(f"{BUILD.name} {what} failed")
    return Path(done.stdout.strip())


class Roots:
    """While entered, ``/run/verbs-roots/VARIANT`` is a root with that variant, for chroot.

    They see the machine's devices and its ``/run``, where ``swift`` finds a fresh cache. The C
    library is one file for all of them, as it is for the containers of an image: a process finds
    it as warm as the last one left it, whatever that was. ``exclude`` names what to leave out, in
    tar's patterns: memory is scarce there.

    ``on`` is ``MEMORY``, a tmpfs; or ``OVERLAY``, an overlay over the machine's disk for each, as a
    container has it.
    """

    def __init__(
        self,
        machine: RdmaMachine,
        variants: Sequence[str],
        exclude: Sequence[str] = (),
        on: str = MEMORY,
    ) -> None:
        self._machine = machine
        self._variants = variants
        self._exclude = [f"--exclude={pattern}" for pattern in exclude]
        self._on = on
        self._store = REMOTE if on == MEMORY else _DISK

    @staticmethod
    def path(variant: str) -> str:
        """Where the variant's root is on the machine."""
        return f"{REMOTE}/{variant}"

    def __enter__(self) -> Roots:
        archives = {what: built(what) for what in (_BASE, *self._variants) if what != UNSEALED}
        self._machine.run(["mkdir", "-p", REMOTE, self._store])
        self._machine.run(["mount", "-t", "tmpfs", "tmpfs", REMOTE])
        try:
            self._unpack(archives)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def _unpack(self, archives: dict[str, Path]) -> None:
        self._extract(_BASE, archives[_BASE])
        for variant in self._variants:
            if variant == UNSEALED:
                self._copy("swift", variant)
                # the same files, of another time
                self._machine.run(["touch", f"{self._stored(variant)}/etc/libibverbs.d"])
            elif variant == DEBIAN:
                self._extract(variant, archives[variant])
                self._share_c_library(variant)
            else:
                self._copy(_BASE, variant)
                self._extract(variant, archives[variant])
            self._machine.run(["ldconfig", "-r", self._stored(variant)])
        for variant in self._variants:
            if self._on == OVERLAY:
                self._mount(variant)
            for directory in _SHARED:
                self._machine.run(["mkdir", "-p", f"{self.path(variant)}/{directory}"])
                mounted = f"{self.path(variant)}/{directory}"
                self._machine.run(["mount", "--bind", f"/{directory}", mounted])
        if "swift" in self._variants:
            self._machine.run(["mkdir", "-p", "/run/swift-verbs"])
            self._machine.run(["chroot", self.path("swift"), "/usr/bin/ibv_swift_cache", "build"])

    def _extract(self, what: str, archive: Path) -> None:
        self._machine.push(archive, f"{REMOTE}/{what}.tar")
        self._machine.run(["mkdir", "-p", self._stored(what)])
        command = ["tar", "--extract", "--file", f"{REMOTE}/{what}.tar"]
        options = ["--directory", self._stored(what), "--keep-directory-symlink", *self._exclude]
        self._machine.run([*command, *options])
        self._machine.run(["rm", f"{REMOTE}/{what}.tar"])

    def _copy(self, source: str, target: str) -> None:
        """By hard links: tar replaces a file that it extracts, so what others have stays."""
        self._machine.run(["cp", "-al", self._stored(source), self._stored(target)])

    def _share_c_library(self, variant: str) -> None:
        base, own = self._stored(_BASE), self._stored(variant)
        for name in ("libc.so.6", "ld-linux-x86-64.so.2"):
            file = f"usr/lib/x86_64-linux-gnu/{name}"
            self._machine.run(["cmp", f"{base}/{file}", f"{own}/{file}"])
            self._machine.run(["ln", "-f", f"{base}/{file}", f"{own}/{file}"])

    def _stored(self, what: str) -> str:
        """Where its files are; ``path`` itself, in memory."""
        return f"{self._store}/{what}"

    def _mount(self, variant: str) -> None:
        upper, work = f"{_DISK}/{variant}.upper", f"{_DISK}/{variant}.work"
        self._machine.run(["mkdir", "-p", upper, work, self.path(variant)])
        options = f"lowerdir={self._stored(variant)},upperdir={upper},workdir={work}"
        mount = ["mount", "-t", "overlay", "overlay", "-o", options]
        self._machine.run([*mount, self.path(variant)])

    def _remove(self) -> None:
        self._machine.run(["umount", "-R", REMOTE], check=False)
        self._machine.run(["rm", "-rf", "--one-file-system", _DISK])
        self._machine.run(["rmdir", REMOTE], check=False)
