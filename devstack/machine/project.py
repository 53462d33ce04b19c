"""The project's own code on the virtual machine, pushed at each start."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from devstack.machine.secure_shell import SecureShell
from devstack.paths import REPOSITORY

PYTHON = "/opt/swift/bin/python"
DIRECTORY = "/opt/swift/project"
# Packages, and the directories that go on sys.path beside the project's own.
_PACKAGES = ("invoker_plugin", "runtime_image")
_SEARCHED = (DIRECTORY, f"{DIRECTORY}/runtime_image")


def push_project(shell: SecureShell) -> None:
    """Replace the project's code on the machine by this checkout's."""
    paths = "\\n".join(_SEARCHED)
    script = (
        f"rm -rf {DIRECTORY} && mkdir -p {DIRECTORY} && tar -C {DIRECTORY} -x && "
        f"printf '{paths}\\n' > $(echo /opt/swift/lib/python3*/site-packages)/swift-project.pth"
    )
    with tempfile.TemporaryFile() as archive:
        archive.write(project_archive(REPOSITORY))
        archive.seek(0)
        shell.run(["sh", "-c", script], stdin=archive)


def project_archive(repository: Path) -> bytes:
    """A tar archive of the packages. Compiled files go along: where the machine's Python is of the
    host's version they save it seconds of compiling, elsewhere it ignores them."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for package in _PACKAGES:
            if (repository / package).is_dir():
                archive.add(repository / package, arcname=package, filter=_as_root)
    return content.getvalue()


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def installed_python(shell: SecureShell) -> subprocess.CompletedProcess[str]:
    """Check that the machine's Python finds the invoker."""
    return shell.run([PYTHON, "-c", "import invoker_plugin"])
