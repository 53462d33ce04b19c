"""``swift-invoker cache``: the RDMA discovery cache that patched containers read.

``build`` writes the devices of this machine to it (as root; the invoker does the same at its start
and when devices change), ``check`` says whether programs use it now, ``show`` prints it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from invoker_plugin.verbs import file
from invoker_plugin.verbs.discovery import Machine
from invoker_plugin.verbs.layout import Cache, CacheFault, Device

EXIT_OK = 0
EXIT_NOT_USED = 1


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "cache", help="build, check or show the RDMA discovery cache", description=__doc__
    )
    parser.add_argument("what", choices=tuple(_ACTIONS), metavar="build|check|show")
    parser.add_argument(
        "file", nargs="?", type=Path, default=file.DEFAULT, help=f"default: {file.DEFAULT}"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace, machine: Machine | None = None) -> int:
    """Do one of the three; the exit code. Raises ``CacheFault`` where it can't."""
    act = _ACTIONS[arguments.what]
    return act(arguments.file, arguments.json, machine or Machine())


def _build(path: Path, as_json: bool, machine: Machine) -> int:
    machine.mark()
    now = machine.read()
    try:
        file.write(path, now)
    except CacheFault as fault:
        raise CacheFault(f"{path} not written: {fault}") from fault
    _print(now, as_json)
    return EXIT_OK


def _show(path: Path, as_json: bool, machine: Machine) -> int:
    _print(_read(path), as_json)
    return EXIT_OK


def _read(path: Path) -> Cache:
    try:
        return file.read(path)
    except CacheFault as fault:
        raise CacheFault(f"{path}: {fault}") from fault


def _check(path: Path, as_json: bool, machine: Machine) -> int:
    try:
        cache = file.read(path)
        why = file.difference(cache, machine.read())
    except CacheFault as fault:
        why = str(fault)
    if why is not None:
        words = f"{path} is not used: {why}; `swift-invoker cache build` as root writes it anew"
        print(json.dumps({"used": False, "reason": why}) if as_json else words)
        return EXIT_NOT_USED
    _print(cache, as_json)
    return EXIT_OK


def _print(cache: Cache, as_json: bool) -> None:
    if as_json:
        devices = [{**asdict(one), "node_guid": _guid(one)} for one in cache.devices]
        print(json.dumps({"boot_id": cache.boot_id, "devices": devices}, indent=2))
        return
    print(f"boot {cache.boot_id}")
    for one in cache.devices:
        print(
            f"{one.ibdev_name} {one.sysfs_name} {one.cdev_major}:{one.cdev_minor}"
            f" index {one.ibdev_index} inode {one.class_inode} guid {_guid(one)}"
            f" driver {one.driver_id} type {one.node_type} ports {one.ports}"
            f" abi {one.abi_version}"
        )


def _guid(device: Device) -> str:
    return f"{device.node_guid:016x}"


_ACTIONS: dict[str, Callable[[Path, bool, Machine], int]] = {
    "build": _build,
    "check": _check,
    "show": _show,
}
