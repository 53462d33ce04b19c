"""Base images: Debian trixie with packages, pulled and extended or made with debootstrap.

Either is kept under a tag that is the digest of what it is made from, so it is made once.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound

from devstack import commands
from devstack.errors import DevstackError
from devstack.machine.mirror import find_mirror
from devstack.machine.privilege import as_root, isolated, owner
from devstack.packages import Program, ensure_programs
from devstack.paths import Paths

HERE = Path(__file__).resolve().parent
SUITE = "trixie"
PUBLIC_IMAGE = "debian:trixie-slim"
_PULL_SECONDS = 20.0
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_DEBOOTSTRAP = Program("debootstrap", ("debootstrap", "debian-archive-keyring"))

Say = Callable[[str], None]


@dataclass(frozen=True)
class Base:
    """A base image by name and what is installed (see install-packages.sh)."""

    name: str
    packages: tuple[str, ...]

    def key(self) -> str:
        """Changes with everything the image depends on, but for Debian's own updates."""
        digest = hashlib.sha256(repr((SUITE, self)).encode())
        for script in ("install-packages.sh", "make-base.sh"):
            digest.update((HERE / script).read_bytes())
        return digest.hexdigest()[:16]

    @property
    def tag(self) -> str:
        return f"swift-base-{self.name}:{self.key()}"

    def ensure(self, client: docker.DockerClient, paths: Paths, say: Say) -> str:
        """Have it in the engine; its tag."""
        return ensure(client, self, paths, say)


PYTHON_RDMA = Base(
    "python-rdma",
    (
        "python3-minimal",
        "libpython3-stdlib",
        "libpython3.13",
        "libibverbs1",
        "ibverbs-providers",
        "librdmacm1t64",
        "unpack:python3-pyverbs",
    ),
)
NODEJS = Base("nodejs", ("nodejs",))


def ensure(client: docker.DockerClient, base: Base, paths: Paths, say: Say) -> str:
    """Have the base image in the engine; its tag."""
    try:
        client.images.get(base.tag)
    except ImageNotFound:
        archive = paths.cache / "runtime_image" / f"{base.name}-{base.key()}.tar"
        if archive.exists() or not _extend_public_image(client, base, say):
            _debootstrap(base, archive, paths, say)
            say(f"import {base.tag}")
            _import(client, archive, base.tag)
    else:
        say(f"kept {base.tag}")
    return base.tag


def _extend_public_image(client: docker.DockerClient, base: Base, say: Say) -> bool:
    """Install the packages on Debian's own image; False where there is no registry or network."""
    say(f"pull {PUBLIC_IMAGE} (at most {_PULL_SECONDS:.0f} s)")
    failure = _pull(client)
    if failure is not None:
        say(f"not pulled, making the base with debootstrap instead: {failure}")
        return False
    say(f"install packages on {PUBLIC_IMAGE}")
    lines = [
        f"FROM {PUBLIC_IMAGE}",
        "COPY install-packages.sh /tmp/",
        f"RUN sh /tmp/install-packages.sh {' '.join(base.packages)} && rm /tmp/install-packages.sh",
    ]
    context = context_of(
        {
            "Dockerfile": "\n".join(lines).encode(),
            "install-packages.sh": (HERE / "install-packages.sh").read_bytes(),
        }
    )
    proxies = {
        name: os.environ[name] for name in ("http_proxy", "https_proxy") if name in os.environ
    }
    try:
        # the host's network: bridges of small set-ups often have no way out
        client.images.build(
            fileobj=context, custom_context=True, tag=base.tag, rm=True, network_mode="host",
            buildargs=proxies,
        )  # fmt: skip
    except DockerException as error:
        say(f"packages not installed there, using debootstrap instead: {error}")
        return False
    return True


def _pull(client: docker.DockerClient) -> str | None:
    """Pull the public image; what failed. A registry that does not answer is left behind."""
    result: list[str | None] = [f"no answer within {_PULL_SECONDS:.0f} s"]

    def work() -> None:
        try:
            client.images.pull(PUBLIC_IMAGE)
        except DockerException as error:
            result[0] = str(error)
        else:
            result[0] = None

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(_PULL_SECONDS)
    return result[0]


def _debootstrap(base: Base, archive: Path, paths: Paths, say: Say) -> None:
    if archive.exists():
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    if not _KEYRING.exists():
        ensure_programs(paths, [_DEBOOTSTRAP])
    ensure_programs(paths, [_DEBOOTSTRAP])
    say(f"debootstrap {SUITE} with {', '.join(base.packages)}")
    work = archive.with_suffix(".work")
    partial = archive.with_suffix(".partial")
    log = paths.logs / f"runtime-image-{base.name}.log"
    script = ["sh", str(HERE / "make-base.sh"), str(work), str(partial), SUITE]
    argv = isolated([*script, str(_KEYRING), _mirror(), *base.packages])
    commands.run(argv, log, what=f"making the base image {base.name}")
    commands.run(as_root(["rm", "-rf", str(work)]), log, what="removing the work directory")
    commands.run(as_root(["chown", owner(), str(partial)]), log, what="taking the base image")
    partial.rename(archive)


def _mirror() -> str:
    """The Debian mirror of this host's apt; empty (debootstrap's own choice) on other systems."""
    if "ID=debian" not in Path("/etc/os-release").read_text().splitlines():
        return ""
    try:
        return find_mirror().address
    except DevstackError:
        return ""


def _import(client: docker.DockerClient, archive: Path, tag: str) -> None:
    repository, _, version = tag.partition(":")
    client.api.import_image_from_file(str(archive), repository=repository, tag=version)


def context_of(files: dict[str, bytes]) -> io.BytesIO:
    """A build context of just these files, the same bytes each time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    buffer.seek(0)
    return buffer
