"""The network bridge of our own Docker Engine: its name, its subnet, and its removal."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devstack import commands
from devstack.errors import DevstackError
from devstack.files import write_atomically
from devstack.machine.content_key import content_key
from devstack.machine.privilege import as_root
from devstack.paths import Paths

# Docker itself starts at 172.17; the virtual machine's Docker has 172.29.77.
_CANDIDATES = [ipaddress.IPv4Network(f"172.28.{third}.0/24") for third in range(77, 256)]
_DOCKER_CHAINS = ("DOCKER", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2", "DOCKER-USER")


@dataclass(frozen=True)
class Bridge:
    """A bridge that is only ours, so that no other engine's docker0 is touched."""

    name: str
    subnet: ipaddress.IPv4Network

    @property
    def address(self) -> str:
        """The host's own address on it, with the length of the prefix."""
        return f"{next(self.subnet.hosts())}/{self.subnet.prefixlen}"


def choose_bridge(paths: Paths) -> Bridge:
    """The bridge of this home; its subnet is chosen once and remembered."""
    remembered = _remembered(paths)
    if remembered.exists():
        known: dict[str, str] = json.loads(remembered.read_text())
        return Bridge(known["name"], ipaddress.IPv4Network(known["subnet"]))
    # An interface's name has at most 15 characters.
    name = f"swift{content_key(str(paths.home))[:8]}"
    bridge = Bridge(name, free_subnet(_networks_in_use()))
    write_atomically(
        remembered, json.dumps({"name": bridge.name, "subnet": str(bridge.subnet)}), 0o644
    )
    return bridge


def free_subnet(used: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """The first candidate that overlaps nothing in ``used``."""
    taken = [network for network in used if network.prefixlen > 0]
    for candidate in _CANDIDATES:
        if not any(candidate.overlaps(network) for network in taken):
            return candidate
    raise DevstackError("no subnet of 172.28.0.0/16 is free for our Docker Engine's bridge")


def create_bridge(bridge: Bridge, log: Path) -> None:
    """Have the bridge up with its address."""
    if not Path("/sys/class/net", bridge.name).exists():
        _ip(["link", "add", bridge.name, "type", "bridge"], log)
    _ip(["addr", "replace", bridge.address, "dev", bridge.name], log)
    _ip(["link", "set", bridge.name, "up"], log)


def has_bridge(paths: Paths) -> bool:
    """Whether this home's bridge was made, and not removed since."""
    return _remembered(paths).exists()


def remove_bridge(paths: Paths, log: Path) -> None:
    """Remove the bridge and the packet filter rules that dockerd leaves behind for it."""
    bridge = choose_bridge(paths)
    if Path("/sys/class/net", bridge.name).exists():
        _ip(["link", "delete", bridge.name], log)
    for table in ("nat", "filter"):
        for rule in _rules(table):
            if rule.startswith("-A ") and (bridge.name in rule or str(bridge.subnet) in rule):
                _iptables(table, ["-D", *rule.split()[1:]], log)
    if not _another_engine():
        _remove_docker_chains(log)
    _remembered(paths).unlink()


def _remembered(paths: Paths) -> Path:
    return paths.run / "engine-bridge.json"


def _remove_docker_chains(log: Path) -> None:
    """Docker's own chains are shared by all engines of a host: the last one's go."""
    for table in ("nat", "filter"):
        rules = _rules(table)
        for rule in rules:
            if re.search(r" -j DOCKER(-USER|-ISOLATION-STAGE-\d)?$", rule):
                _iptables(table, ["-D", *rule.split()[1:]], log)
        present = [chain for chain in _DOCKER_CHAINS if f"-N {chain}" in rules]
        for chain in present:
            _iptables(table, ["-F", chain], log)
        for chain in present:
            _iptables(table, ["-X", chain], log)


def _another_engine() -> bool:
    return commands.output_of(["pidof", "dockerd"]) is not None


def _rules(table: str) -> list[str]:
    said = commands.output_of(as_root(["iptables", "-w", "-t", table, "-S"]))
    return [line.strip() for line in (said or "").splitlines()]


def _networks_in_use() -> list[ipaddress.IPv4Network]:
    said = commands.output_of(["ip", "-4", "route", "show", "table", "all"]) or ""
    words = [line.split()[0] for line in said.splitlines() if line[:1].isdigit()]
    return [ipaddress.IPv4Network(word, strict=False) for word in words]


def _ip(arguments: list[str], log: Path) -> None:
    commands.run(as_root(["ip", *arguments]), log, what="setting up Docker's bridge")


def _iptables(table: str, arguments: list[str], log: Path) -> None:
    argv = as_root(["iptables", "-w", "-t", table, *arguments])
    commands.run(argv, log, what="removing Docker's packet filter rules")
