"""The distribution of this host and the mirror its apt uses, for debootstrap."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevstackError

_BASE = [
    "apparmor",
    "docker.io",
    "containerd",
    "crun",
    "dbus",
    "iptables",
    "iproute2",
    "rdma-core",
    "ibverbs-utils",
    "perftest",
    "rdmacm-utils",
    "openssh-server",
    "python3",
    "python3-venv",
    "python3-pyverbs",
    "systemd",
    "systemd-sysv",
    "busybox-static",
    "kmod",
    "procps",
]


@dataclass(frozen=True)
class Distribution:
    """What a machine's root file system is made from; ``suite`` None means the host's own."""

    components: str
    packages: tuple[str, ...]
    keyring: str
    suite: str | None


# Debian's ordinary kernel has rdma_rxe; its cloud kernel may not. bookworm is what was measured.
DISTRIBUTIONS = {
    "debian": Distribution(
        "main",
        (*_BASE, "linux-image-amd64"),
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "bookworm",
    ),
    "ubuntu": Distribution(
        "main,universe",
        (*_BASE, "linux-image-generic"),
        "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
        None,
    ),
}


@dataclass(frozen=True)
class Mirror:
    """Where debootstrap takes what from."""

    address: str
    suite: str
    distribution: Distribution


def find_mirror(root: Path = Path("/")) -> Mirror:
    """The mirror that this host's apt is configured for."""
    release = _release(root)
    name = release.get("ID", "unknown")
    distribution = DISTRIBUTIONS.get(name)
    if distribution is None:
        raise DevstackError(
            f"the RDMA machine is built from Debian or Ubuntu packages; this host is {name!r}"
        )
    suite = distribution.suite or release.get("VERSION_CODENAME", "")
    own = release.get("VERSION_CODENAME", "")
    for address, suites, components in _sources(root):
        if own in suites and "main" in components:
            return Mirror(address, suite, distribution)
    raise DevstackError(f"apt's sources name no mirror for {name} {own}: add one")


def _release(root: Path) -> dict[str, str]:
    found = {}
    for line in (root / "etc/os-release").read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator:
            found[key] = value.strip().strip('"')
    return found


def _sources(root: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """(address, suites, components) of every binary source, in apt's two file formats."""
    directory = root / "etc/apt"
    lists = [directory / "sources.list", *sorted(directory.glob("sources.list.d/*.list"))]
    for file in lists:
        if file.exists():
            yield from _one_line_sources(file.read_text())
    for file in sorted(directory.glob("sources.list.d/*.sources")):
        yield from _stanzas(file.read_text())


def _one_line_sources(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if found:
            yield found.group(1), [found.group(2)], found.group(3).split()


def _stanzas(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", kept):
        fields = dict(re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*)$", stanza))
        if "deb" not in fields.get("Types", "").split():
            continue
        for address in fields.get("URIs", "").split():
            yield address, fields.get("Suites", "").split(), fields.get("Components", "").split()
