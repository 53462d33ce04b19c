"""Saved states: the memory of a machine that is up, and its disks as they were at that moment."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevstackError


@dataclass(frozen=True)
class SavedState:
    """One saved state; its directory appears whole or not at all, and is never written again."""

    directory: Path

    @property
    def memory(self) -> Path:
        return self.directory / "memory"

    def disk(self, overlay: Path) -> Path:
        """Where the saved copy of ``overlay`` is."""
        return self.directory / overlay.name

    def exists(self) -> bool:
        return self.directory.is_dir()

    def keep(self, memory: Path, overlays: Sequence[Path]) -> None:
        """Take ``memory`` and the disks of a machine that has ended since."""
        self.remove()
        unfinished = self.directory.with_name(f"{self.directory.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        memory.rename(unfinished / self.memory.name)
        for overlay in overlays:
            overlay.rename(unfinished / overlay.name)
        unfinished.rename(self.directory)

    def remove(self) -> None:
        if self.exists():
            shutil.rmtree(self.directory)


def make_overlay(overlay: Path, backing: Path, kind: str) -> None:
    """A fresh qcow2 file that takes all writes; ``backing`` (raw or qcow2) stays as it is."""
    overlay.parent.mkdir(parents=True, exist_ok=True)
    overlay.unlink(missing_ok=True)
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(backing), "-F", kind, str(overlay)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DevstackError(f"cannot make {overlay}: {done.stderr.strip()}")
