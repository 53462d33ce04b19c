"""The invoker and what it needs at run time, as one archive of wheels for hosts' Python.

    .venv/bin/python ansible/wheelhouse.py --python 3.11

Hosts install from it without any network (role ``swift_invoker``). Dependencies are those that
``requirements.lock`` pins, each checked against its hash there. Prints a JSON object with the
archive's path, the release (a hash of everything that goes in), and whether it was made now.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from devstack import commands  # noqa: E402
from devstack.errors import DevstackError  # noqa: E402
from devstack.machine import wheels  # noqa: E402
from devstack.machine.content_key import content_key  # noqa: E402

_DIRECTORY = REPOSITORY / "ansible" / ".build"
_PACKAGE = "invoker_plugin"
_SOURCES = ("pyproject.toml", "README.md", "LICENSE")


def release(python: str) -> str:
    """Names everything that goes into the archive: the invoker's source, pins, Python."""
    source = [
        f"{file.relative_to(REPOSITORY)}\n{file.read_text()}"
        for file in sorted((REPOSITORY / _PACKAGE).rglob("*.py"))
    ]
    return content_key(source, REPOSITORY / "pyproject.toml", wheels.requirements(), python)


def build(archive: Path, python: str) -> None:
    """Make ``archive``: a directory ``wheels`` with the invoker's wheel and its dependencies'."""
    log = _DIRECTORY / "wheelhouse.log"
    with tempfile.TemporaryDirectory(dir=_DIRECTORY) as work:
        source, found = Path(work, "source"), Path(work, "wheels")
        wheels.download(found, python, log)
        (found / "constraints.txt").unlink()
        shutil.copytree(
            REPOSITORY / _PACKAGE, source / _PACKAGE, ignore=shutil.ignore_patterns("__pycache__")
        )
        for name in _SOURCES:
            shutil.copy(REPOSITORY / name, source / name)
        argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        argv += ["--no-build-isolation", "--wheel-dir", str(found), str(source)]
        commands.run(argv, log, what="building the invoker's wheel")
        part = archive.with_suffix(".part")
        with tarfile.open(part, "w") as tar:
            tar.add(found, arcname="wheels")
        part.rename(archive)


def main() -> int:
    """The command; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", required=True, metavar="X.Y", help="of the hosts")
    python = parser.parse_args().python
    _DIRECTORY.mkdir(exist_ok=True)
    try:
        name = release(python)
        archive = _DIRECTORY / f"wheelhouse-{name}.tar"
        made = not archive.exists()
        if made:
            build(archive, python)
    except DevstackError as error:
        print(f"the wheelhouse could not be made: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"release": name, "archive": str(archive), "made": made}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
