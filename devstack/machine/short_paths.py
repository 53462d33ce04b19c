"""Directories for Unix sockets: containerd refuses addresses of more than 104 bytes."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from devstack.errors import DevstackError
from devstack.machine.content_key import content_key
from devstack.paths import Paths

# Docker appends "/exec/containerd/containerd.sock", ssh a random suffix of 17 characters.
_LONGEST = 104 - 40


def socket_directory(paths: Paths, name: str) -> Path:
    """A private directory for the sockets of ``name``: below ``run/`` when that is short enough,
    else one below the system's temporary directory that belongs to this home alone."""
    paths.create()
    directory = paths.run / name
    if len(os.fsencode(directory)) > _LONGEST:
        home = content_key(str(paths.home))
        directory = Path(tempfile.gettempdir()) / f"swift-{home}-{name}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found, owner = directory.lstat(), paths.home.stat()
    allowed = {owner.st_uid, os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in allowed:
        raise DevstackError(f"{directory} belongs to somebody else: remove it")
    if found.st_uid != owner.st_uid:
        # Made by root on behalf of a user, who must be able to reach the sockets in it.
        os.chown(directory, owner.st_uid, owner.st_gid, follow_symlinks=False)
    return directory
