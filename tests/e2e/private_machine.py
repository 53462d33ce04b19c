"""A virtual machine's home of its own, so that the devstack's machine is left alone."""

from __future__ import annotations

import shutil
from pathlib import Path

from devstack.paths import Paths


def private_home(shared: Paths, home: Path) -> Paths:
    """A new home with what the devstack has built of a machine's disk, and its ssh key."""
    paths = Paths(home)
    paths.create()
    (paths.cache / "machine").mkdir()
    (paths.data / "machine").mkdir(mode=0o700)
    for built in (shared.cache / "machine").glob("*"):
        if built.name.startswith(("root-", "base-", "accelerator-")):
            (paths.cache / "machine" / built.name).symlink_to(built)
    for key in (shared.data / "machine").glob("ssh_key*"):
        shutil.copy(key, paths.data / "machine" / key.name)
    return paths
