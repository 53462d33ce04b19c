"""Checks of the RDMA device that actions will use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from invoker_plugin.cli.check_report import Finding
from invoker_plugin.config.settings import Settings
from invoker_plugin.containers import rdma_devices
from invoker_plugin.verbs import file
from invoker_plugin.verbs.discovery import Machine
from invoker_plugin.verbs.layout import CacheFault

_MIB = 1024 * 1024


def check(settings: Settings, sysfs: Path = rdma_devices.SYSFS) -> list[Finding]:
    """All of them; they read sysfs and open one device."""
    present = rdma_devices.character_devices(sysfs)
    name = settings.containers.rdma_device
    if not name:
        return [_none_wanted(present)]
    if name not in present:
        return [_missing(name, present)]
    findings = [Finding("rdma-device", "ok", f"{name} is {present[name]}")]
    findings.append(_openable(present[name]))
    findings.append(_port(name, sysfs))
    findings.append(_gids(name, sysfs))
    findings.append(_memlock(settings))
    findings.append(_verbs_cache(settings.containers.verbs_cache or None, Machine(sysfs)))
    return findings


def _none_wanted(present: dict[str, str]) -> Finding:
    if not present:
        return Finding("rdma-device", "info", "none configured, and this host has none")
    names = ", ".join(sorted(present))
    return Finding(
        "rdma-device",
        "warn",
        f"none configured, though this host has {names}",
        "set containers.rdma_device to have RDMA actions use it",
    )


def _missing(name: str, present: dict[str, str]) -> Finding:
    there = ", ".join(sorted(present)) or "none"
    return Finding(
        "rdma-device",
        "fail",
        f"{name} is not on this host; there are: {there}",
        "set containers.rdma_device to one of these; for none: load the card's driver and"
        " ib_uverbs, or make a soft-RoCE device (rdma link add rxe0 type rxe netdev eth0)",
    )


def _openable(path: str) -> Finding:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return Finding(
            "rdma-open",
            "fail",
            f"{path}: {error.strerror}",
            "load ib_uverbs (modprobe ib_uverbs), and run as a user who may open it",
        )
    return Finding("rdma-open", "ok", f"{path} can be opened")


def _port(name: str, sysfs: Path) -> Finding:
    states = {port.name: _read(port / "state").partition(": ")[2] for port in _ports(name, sysfs)}
    seen = ", ".join(f"port {port} {state or 'unknown'}" for port, state in states.items())
    if "ACTIVE" in states.values():
        return Finding("rdma-port", "ok", seen)
    return Finding(
        "rdma-port", "fail", seen or "no ports", "bring its network device up (ip link set up)"
    )


def _gids(name: str, sysfs: Path) -> Finding:
    """Connections need a GID; which one is chosen is the runtime's business."""
    found = list(_gid_table(name, sysfs))
    if not found:
        return Finding(
            "rdma-gid",
            "fail",
            f"{name} has no GID",
            "give its network device an address (ip address add), of IPv4 for RoCE v2",
        )
    version_2 = [gid for gid, kind in found if "v2" in kind]
    seen = f"{len(found)} GIDs, {len(version_2)} of RoCE v2"
    if version_2 or all("RoCE" not in kind for _, kind in found):
        return Finding("rdma-gid", "ok", seen)
    return Finding("rdma-gid", "warn", seen, "give its network device an address of IPv4")


def _gid_table(name: str, sysfs: Path) -> Iterator[tuple[str, str]]:
    """GIDs that are set, with their types. Tables are sparse; unset entries can't be read."""
    for port in _ports(name, sysfs):
        for entry in (port / "gids").glob("*"):
            gid = _read(entry)
            if gid.replace(":", "").strip("0"):
                yield gid, _read(port / "gid_attrs" / "types" / entry.name)


def _memlock(settings: Settings) -> Finding:
    kinds = settings.containers.kinds
    given = [
        f"{kind}: {limit}"
        for kind, options in kinds.items()
        for limit in options.get("ulimit", ())
        if limit.startswith("memlock")
    ]
    least = settings.limits.memory_min_mb
    seen = "; ".join(given) or f"each container's own memory, {least} MB and more"
    return Finding("rdma-memlock", "ok", f"memory that containers may register: {seen}")


def _verbs_cache(directory: str | None, machine: Machine) -> Finding:
    if directory is None:
        return Finding("verbs-cache", "info", "none wanted: containers.verbs_cache is empty")
    path = Path(directory) / file.NAME
    if not path.exists():
        return Finding("verbs-cache", "info", f"{path} is not there: the invoker's start writes it")
    try:
        why = file.difference(file.read(path), machine.read())
    except CacheFault as fault:
        why = str(fault)
    if why is None:
        return Finding("verbs-cache", "ok", f"{path} is as this machine is")
    remedy = f"as root: swift-invoker cache build {path}"
    return Finding("verbs-cache", "warn", f"{path} is not used: {why}", remedy)


def _ports(name: str, sysfs: Path) -> list[Path]:
    return sorted((sysfs / "infiniband" / name / "ports").glob("*"))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        # An unset GID's type answers EINVAL; a port may vanish.
        return ""
