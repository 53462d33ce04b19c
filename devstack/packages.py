"""Programs that the devstack needs and the Debian packages they come in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from devstack import commands
from devstack.errors import DevstackError
from devstack.paths import Paths

_apt = threading.Lock()  # apt-get refuses to run twice at once


@dataclass(frozen=True)
class Program:
    """A program by its command; ``lowest`` is the major version it must have at least."""

    command: str
    packages: tuple[str, ...]
    lowest: int | None = None
    version_option: str = "--version"

    def version(self) -> int | None:
        """Its major version; None when it is missing or says none."""
        said = commands.output_of([self.command, self.version_option])
        found = re.search(r"(\d+)(\.\d+)*", said) if said else None
        return int(found.group(1)) if found else None

    def present(self) -> bool:
        """Whether it is there, also where only root looks: an ordinary user's PATH has no sbin."""
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
        return shutil.which(self.command, path=path) is not None

    def usable(self) -> bool:
        """Whether it is there and new enough."""
        if not self.present():
            return False
        return self.lowest is None or (self.version() or 0) >= self.lowest


JAVA = Program("java", ("default-jre-headless",), lowest=11, version_option="-version")
MAVEN = Program("mvn", ("maven",))
NODE = Program("node", ("nodejs",), lowest=12)
NPM = Program("npm", ("npm",))


def ensure_programs(paths: Paths, programs: Sequence[Program]) -> str:
    """Have ``programs`` on the machine, by apt-get where they are missing."""
    missing = [program for program in programs if not program.usable()]
    if not missing:
        return "kept: " + ", ".join(program.command for program in programs)
    install(paths, [package for program in missing for package in program.packages])
    for program in missing:
        if not program.usable():
            raise DevstackError(_unusable(program))
    return "installed: " + ", ".join(program.command for program in missing)


def install(paths: Paths, packages: Sequence[str]) -> None:
    """Install Debian packages; needs root or sudo."""
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise DevstackError(f"missing: {names}; there is no apt-get here, install them by hand")
    prefix = _privilege(names)
    log = paths.logs / "apt.log"
    quiet = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    get = [*quiet, "apt-get", "-q", "-y", "--no-install-recommends"]
    with _apt:
        # An apt-get that was interrupted leaves packages unpacked but not configured.
        if commands.output_of(["dpkg", "--audit"]):
            commands.run([*quiet, "dpkg", "--configure", "-a"], log, what="dpkg --configure -a")
        commands.run([*get, "update"], log, what="apt-get update")
        commands.run([*get, "install", *packages], log, what=f"apt-get install {names}")


def _privilege(names: str) -> list[str]:
    if os.geteuid() == 0:
        return []
    # At a terminal sudo may ask for a password; the command that follows has none to ask at.
    asking = ["sudo", "--validate"] if sys.stdin.isatty() else ["sudo", "-n", "true"]
    if shutil.which("sudo") is None or subprocess.run(asking, check=False).returncode != 0:
        raise DevstackError(
            f"missing: {names}; neither root nor able to sudo: as root, run apt-get install {names}"
        )
    return ["sudo", "-n"]


def _unusable(program: Program) -> str:
    names = " ".join(program.packages)
    if not program.present():
        return f"missing: {program.command}, even after apt-get install {names}; install it by hand"
    return (
        f"missing: {program.command} {program.lowest} or newer; apt-get install {names} gave "
        f"{program.version()}: install a newer one by hand"
    )
