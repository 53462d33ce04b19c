"""Root file systems on the RDMA machine, each with one variant of rdma-core, in memory."""

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

    They see the machine's devices and its ``/run``, where ``swift`` finds a fresh cache.
    ``exclude`` names what to leave out, in tar's patterns: memory is scarce there.
    """

    def __init__(
        self, machine: RdmaMachine, variants: Sequence[str], exclude: Sequence[str] = ()
    ) -> None:
        self._machine = machine
        self._variants = variants
        self._exclude = [f"--exclude={pattern}" for pattern in exclude]

    @staticmethod
    def path(variant: str) -> str:
        """Where the variant's root is on the machine."""
        return f"{REMOTE}/{variant}"

    def __enter__(self) -> Roots:
        archives = {what: built(what) for what in ("test-root", *self._variants)}
        self._machine.run(["mkdir", "-p", REMOTE])
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
        for what, archive in archives.items():
            self._machine.push(archive, f"{REMOTE}/{what}.tar")
        for variant in self._variants:
            root = self.path(variant)
            self._machine.run(["mkdir", root])
            for what in ("test-root", variant):
                command = ["tar", "--extract", "--file", f"{REMOTE}/{what}.tar"]
                options = ["--directory", root, "--keep-directory-symlink", *self._exclude]
                self._machine.run([*command, *options])
            for directory in _SHARED:
                self._machine.run(["mkdir", "-p", f"{root}/{directory}"])
                self._machine.run(["mount", "--bind", f"/{directory}", f"{root}/{directory}"])
            self._machine.run(["ldconfig", "-r", root])
        self._machine.run(["sh", "-c", f"rm {REMOTE}/*.tar"])
        if "swift" in self._variants:
            self._machine.run(["mkdir", "-p", "/run/swift-verbs"])
            self._machine.run(["chroot", self.path("swift"), "/usr/bin/ibv_swift_cache", "build"])

    def _remove(self) -> None:
        self._machine.run(["umount", "-R", REMOTE], check=False)
        self._machine.run(["rmdir", REMOTE], check=False)
