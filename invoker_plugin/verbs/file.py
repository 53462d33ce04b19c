"""The cache as a file: written at once or not at all, read only where root alone can write it."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

from invoker_plugin.verbs import layout
from invoker_plugin.verbs.layout import Cache, CacheFault

DIRECTORY = Path("/run/swift-verbs")
"""Where libibverbs looks; in containers too. /run is a tmpfs: a cache is of one boot."""
NAME = "devices"
DEFAULT = DIRECTORY / NAME
_OWNER = 0
_MODE = 0o644
_MOUNTS = Path("/proc/self/mountinfo")
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_REMEDY = "name a directory that root can write, best on a tmpfs such as /run"


def write(path: Path, cache: Cache) -> None:
    """Replace the file: a reader sees the old one or the new one. Raises :class:`CacheFault`."""
    layout.pack(cache)  # what a reader would refuse is not begun
    if os.geteuid() != _OWNER:
        raise CacheFault("only root can write it, for programs believe no other; run this as root")
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        _have_directory(path.parent)
        _refuse_shared(path.parent)
        partial.unlink(missing_ok=True)
        _create(partial, cache)
        partial.rename(path)
    except OSError as error:
        raise CacheFault(f"{error.filename or path}: {error.strerror}; {_REMEDY}") from error
    finally:
        _forget(partial)


def _have_directory(directory: Path) -> None:
    """Make it where it is missing, for all to read whatever the umask is."""
    try:
        directory.mkdir(parents=True)
    except FileExistsError:
        return
    directory.chmod(0o755)


def _refuse_shared(directory: Path) -> None:
    facts = directory.stat()
    if facts.st_uid != _OWNER or facts.st_mode & _OTHERS_WRITE:
        raise CacheFault(f"{directory} is not root's alone; chown root and chmod 755 it")


def _create(path: Path, cache: Cache) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, _MODE)
    try:
        data = layout.pack(cache, _place(os.fstat(descriptor)))
        if os.write(descriptor, data) != len(data):
            raise OSError(0, "not all of it could be written", str(path))
        # the umask may be anything; containers read it as any user
        os.fchmod(descriptor, _MODE)
    finally:
        os.close(descriptor)


def _place(facts: os.stat_result) -> tuple[int, int]:
    """Device and inode of a file on a tmpfs, which ends with the boot; zeros elsewhere."""
    number = f"{os.major(facts.st_dev)}:{os.minor(facts.st_dev)}"
    for line in _MOUNTS.read_text().splitlines():
        mount, _, system = line.partition(" - ")
        if mount.split()[2] == number and system.startswith("tmpfs "):
            return facts.st_dev, facts.st_ino
    return 0, 0


def _forget(partial: Path) -> None:
    try:
        partial.unlink(missing_ok=True)
    except OSError:
        return  # where it could not be made there is nothing to remove


def remove(path: Path) -> bool:
    """Take it away; whether there was one. Raises :class:`CacheFault`."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CacheFault(f"{path}: {error.strerror}") from error
    return True


def read(path: Path) -> Cache:
    """What it holds. Raises :class:`CacheFault` with the words of libibverbs' own reader."""
    try:
        # a FIFO must not hang us
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(path, flags)
    except OSError as error:
        raise CacheFault(f"can't be opened ({error.strerror})") from error
    try:
        facts = os.fstat(descriptor)
        _refuse_untrusted(facts)
        data = os.read(descriptor, layout.MOST_BYTES)
    except OSError as error:
        raise CacheFault(f"can't be read ({error.strerror})") from error
    finally:
        os.close(descriptor)
    if len(data) != facts.st_size:
        raise CacheFault("longer than any cache, or it changed while it was read")
    return layout.parse(data)


def _refuse_untrusted(facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise CacheFault("not a regular file")
    if facts.st_uid != _OWNER:
        raise CacheFault("not owned by root")
    if facts.st_mode & _OTHERS_WRITE:
        raise CacheFault("writable by others than its owner")


def _seen_anywhere(cache: Cache) -> Cache:
    """Without what other network namespaces see otherwise, or one of a read-only sysfs does not
    write down; a reader does without it, too."""
    devices = tuple(replace(one, name_inode=0) for one in cache.devices)
    return replace(cache, devices=devices, class_mtime=0)


def difference(cache: Cache, now: Cache) -> str | None:
    """Why programs would not use ``cache`` on a machine that is as ``now``; None if they would."""
    if _seen_anywhere(cache) == _seen_anywhere(now):
        return None
    if cache.boot_id != now.boot_id:
        return "written before the machine was last booted"
    before = {device.sysfs_name: device for device in cache.devices}
    after = {device.sysfs_name: device for device in now.devices}
    for name in sorted(set(before) | set(after)):
        if name not in before:
            return f"device {after[name].ibdev_name} was added"
        if name not in after:
            return f"device {before[name].ibdev_name} was removed"
        if before[name].class_inode != after[name].class_inode:
            return f"device {before[name].ibdev_name} was removed and added again"
        if before[name].ibdev_name != after[name].ibdev_name:
            return f"device {before[name].ibdev_name} was renamed {after[name].ibdev_name}"
    return "what the kernel tells of the devices has changed"
