"""The Python environment ``.venv`` that the controller runs in, made by ``setup.sh``."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from devstack import commands
from devstack.paths import PACKAGE, REPOSITORY, Paths

PYTHON = REPOSITORY / ".venv" / "bin" / "python"


def ensure_environment(paths: Paths) -> str:
    """Have ``.venv`` as ``requirements.lock`` says."""
    commands.run(
        [str(PACKAGE / "setup.sh")],
        paths.logs / "setup.log",
        what="making .venv",
        # The interpreter of .venv itself must not be the one to make it anew.
        environment={} if sys.prefix != sys.base_prefix else {"PYTHON": sys.executable},
    )
    return "kept" if _said_kept(paths.logs / "setup.log") else "installed"


def source_digest(*packages: Path) -> str:
    """A digest of the Python source in ``packages``: a service of other source is another one."""
    digest = hashlib.sha256()
    for package in packages:
        for file in sorted(package.rglob("*.py")):
            digest.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _said_kept(log: Path) -> bool:
    return log.read_text().rstrip().endswith("kept")
