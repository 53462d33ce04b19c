"""``python -m deploy.container.build``: the invoker as an image, from its wheel and the lock.

Wheels are downloaded here by pip and checked against ``requirements.lock``; the image itself is
built without any network, on the base that the runtime image has too (``runtime_image/base.py``).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from docker.errors import DockerException

from devstack import commands
from devstack.errors import DevstackError
from devstack.machine import wheels
from devstack.machine.content_key import content_key
from devstack.paths import REPOSITORY, Paths
from runtime_image import base as bases
from runtime_image.build import Image, build, connect

HERE = Path(__file__).resolve().parent
TAG = "swift-invoker:latest"
PYTHON = "3.13"
"""Of the base, Debian trixie: wheels are for it."""
_PROJECT = ("pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True)
class InvokerImage(Image):
    """The image; its packages are installed only when it has to be built."""

    paths: Paths

    def content(self) -> str:
        source = [
            f"{file.relative_to(REPOSITORY)}\n{file.read_text()}"
            for file in sorted((REPOSITORY / "invoker_plugin").rglob("*.py"))
        ]
        own = [self.base.tag, PYTHON, *(data.decode() for data in self._own().values())]
        project = [(REPOSITORY / name).read_text() for name in _PROJECT]
        return content_key(source, own, project, wheels.requirements())

    def files(self) -> dict[str, bytes]:
        with tempfile.TemporaryDirectory(dir=self.paths.cache) as work:
            packages = Path(work, "packages")
            _install(packages, Path(work), self.paths.logs / "invoker-image.log")
            installed = {
                f"packages/{file.relative_to(packages)}": file.read_bytes()
                for file in packages.rglob("*")
                if file.is_file() and "__pycache__" not in file.parts
            }
        return {**self._own(), **installed}

    def _own(self) -> dict[str, bytes]:
        names = ("Dockerfile", *self.copied)
        return {name: (self.directory / name).read_bytes() for name in names}


def invoker_image(paths: Paths) -> InvokerImage:
    """The image as this checkout makes it."""
    return InvokerImage(TAG, bases.PYTHON_RDMA, HERE, ("entry.sh", "invoker.toml"), paths)


def _install(packages: Path, work: Path, log: Path) -> None:
    """Put the invoker and its dependencies, for the image's Python, into ``packages``."""
    found, source = work / "wheels", work / "source"
    wheels.download(found, PYTHON, log)
    (found / "constraints.txt").unlink()
    hidden = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "invoker_plugin", source / "invoker_plugin", ignore=hidden)
    for name in _PROJECT:
        shutil.copy(REPOSITORY / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    commands.run(
        [
            *pip,
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            str(found),
            str(source),
        ],
        log,
        what="building the invoker's wheel",
    )  # fmt: skip
    commands.run(
        [
            *pip, "install", "--no-index", "--no-deps", "--no-compile", "--only-binary=:all:",
            "--python-version", PYTHON, "--target", str(packages),
            *(str(wheel) for wheel in sorted(found.glob("*.whl"))),
        ],
        log,
        what="installing the invoker for its image",
    )  # fmt: skip


def main() -> int:
    """The command; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.container.build", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--docker-host", help="URL of the engine (default: as docker has it)")
    parser.add_argument("--tag", default=TAG, help="default: %(default)s")
    arguments = parser.parse_args()
    paths = Paths.find()
    paths.create()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True)

    try:
        client = connect(arguments.docker_host)
        identity = build(client, invoker_image(paths), arguments.tag, paths, say)
    except (DockerException, DevstackError) as error:
        print(f"the image could not be built: {error}", file=sys.stderr)
        return 1
    say(f"{arguments.tag} is {identity}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
