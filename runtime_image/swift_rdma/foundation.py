"""What a template opens and its forks inherit: the device, one protection domain."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from swift_rdma import discovery, ladder, probe, resources, verbs
from swift_rdma.ladder import Standing

_CLASS = Path("/sys/class/infiniband_verbs")


def directory_of(device: str, directory: Path = _CLASS) -> Path | None:
    """Where sysfs describes a device; None while it is not there."""
    try:
        for entry in directory.iterdir():
            name = entry / "ibdev"
            if name.is_file() and name.read_text().strip() == device:
                return entry
    except OSError:
        return None  # it went away while we looked, or there is no RDMA in this kernel
    return None


def _event_files() -> set[int]:
    """Descriptors by which libraries hear of devices' events; pyverbs does not tell of them."""
    found: set[int] = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the listing's own descriptor
            if "infinibandevent" in os.readlink(f"/proc/self/fd/{name}"):
                found.add(int(name))
    return found


_abandoned: list[Foundation] = []


class Foundation:
    """An opened device; close it in the process that opened it, never in a fork."""

    def __init__(self, device: str) -> None:
        before = _event_files()
        self.place = resources.open_place(device)
        self._events = _event_files() - before
        try:
            self.protection_domain = resources.new_protection_domain(self.place.context)
        except BaseException:
            self.place.context.close()
            raise
        self._directory = directory_of(device)
        self._inode = self._inode_now()

    def present(self) -> bool:
        """Whether the device is still the one that was opened.

        Name, GUID and cdev number of one that was removed and added again are the same; the inode
        of its directory is not.
        """
        return self._inode is not None and self._inode == self._inode_now()

    def _inode_now(self) -> int | None:
        try:
            return os.stat(self._directory).st_ino if self._directory is not None else None
        except FileNotFoundError:
            return None

    def stand(self, environ: Mapping[str, str]) -> Standing:
        """Find by trying how much forks can share of it."""
        best = ladder.best_allowed(environ)

        def attempt_shared() -> str | None:
            return probe.shared(self.place, self.protection_domain)

        def attempt_inherited() -> str | None:
            return probe.inherited(self.place, self.protection_domain)

        attempts: dict[str, ladder.Attempt] = {
            # what is connected ahead of a fork is the same kind of queue pair
            "shared": attempt_shared,
            "inherited": attempt_inherited,
            "cached": discovery.cached,
        }
        return ladder.climb(attempts, best)

    def close(self) -> None:
        """Free it, and with it what dead forks have made on it and left."""
        try:
            self.protection_domain.close()
            self.place.context.close()
        except verbs.load().Error:
            # Busy with objects of which no living process knows, or the device is gone. The kernel
            # frees all with the file; destructors must not run on its number, which is used again.
            _abandoned.append(self)
            os.close(self.place.context.cmd_fd)
            for descriptor in self._events:
                os.close(descriptor)
