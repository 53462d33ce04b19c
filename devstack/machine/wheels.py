"""The project's run-time dependencies as wheels for the machine's Python, as the lock pins them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

from devstack import commands
from devstack.errors import DevstackError
from devstack.paths import REPOSITORY

_LOCK = REPOSITORY / "requirements.lock"
_PROJECT = "swift-invoker"


def requirements() -> list[str]:
    """What the project needs at run time, with the pins of the lock."""
    wanted = importlib.metadata.requires(_PROJECT) or []
    return [line for line in wanted if "extra ==" not in line] + _pins()


def python_version(base: Path) -> str:
    """The version (3.11) of Python in a base archive: the one in the path of its library."""
    listing = f"zstd -q -d -c '{base}' | tar -t --wildcards './usr/lib/python3.*/os.py'"
    found = subprocess.run(["sh", "-c", listing], capture_output=True, text=True, check=False)
    version = re.search(r"python(3\.\d+)/os\.py", found.stdout)
    if version is None:
        raise DevstackError(f"{base} holds no Python: remove it and run again")
    return version.group(1)


def download(directory: Path, version: str, log: Path) -> None:
    """Have the wheels for Python ``version`` in ``directory``, each checked against the lock."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    constraints = directory / "constraints.txt"
    constraints.write_text("\n".join(_pins()) + "\n")
    wanted = importlib.metadata.requires(_PROJECT) or []
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    argv += ["--only-binary=:all:", "--python-version", version, "--dest", str(directory)]
    argv += ["--constraint", str(constraints)]
    # A constraint file with hashes would make pip want every requirement pinned, hence _check.
    argv += [line for line in wanted if "extra ==" not in line]
    commands.run(argv, log, what="downloading the invoker's dependencies by pip")
    _check(directory)


def _pins() -> list[str]:
    lines = _LOCK.read_text().splitlines()
    return [line.rstrip(" \\") for line in lines if re.match(r"[A-Za-z0-9]", line)]


def _check(directory: Path) -> None:
    known = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", _LOCK.read_text()))
    for wheel in sorted(directory.glob("*.whl")):
        if hashlib.sha256(wheel.read_bytes()).hexdigest() not in known:
            raise DevstackError(f"{wheel.name} is not what {_LOCK.name} pins: run make lock")
