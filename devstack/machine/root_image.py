"""The virtual machine's root disk: a distribution's packages, our files, the invoker's Python."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from devstack import commands
from devstack.errors import DevstackError
from devstack.machine import wheels
from devstack.machine.content_key import content_key
from devstack.machine.mirror import Mirror, find_mirror
from devstack.machine.privilege import as_root, isolated, owner
from devstack.paths import Paths
from devstack.process import MARK

_HERE = Path(__file__).resolve().parent
_TREE = _HERE / "image"
_SCRIPTS = _HERE / "scripts"


@dataclass(frozen=True)
class RootImage:
    """A built root disk with the kernel and initramfs that go with it."""

    directory: Path

    @property
    def key(self) -> str:
        return self.directory.name

    @property
    def disk(self) -> Path:
        return self.directory / "root.img"

    @property
    def kernel(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def initramfs(self) -> Path:
        return self.directory / "initramfs.gz"

    @property
    def host_key(self) -> str:
        """The machine's public ssh key: type and key."""
        return " ".join((self.directory / "host_key.pub").read_text().split()[:2])


class RootImageBuilder:
    """Builds the root disk in two layers, each kept under a name made from its inputs."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._cache = paths.cache / "machine"
        self._log = paths.logs / "machine-build.log"

    @property
    def ssh_key(self) -> Path:
        """The private key that the machine's root lets in; generated for this home."""
        return self._paths.data / "machine" / "ssh_key"

    @property
    def _mark(self) -> dict[str, str]:
        """By which a build that outlives a killed devstack is found, and ended."""
        return {MARK: str(self._paths.home)}

    @cached_property
    def _mirror(self) -> Mirror:
        return find_mirror()

    def current(self) -> RootImage | None:
        """The image that today's inputs make, when it is there."""
        if not self.ssh_key.exists():
            return None
        image = self._image()
        return image if image.directory.exists() else None

    def ensure(self) -> RootImage:
        """The image, built when it is not there; takes minutes the first time."""
        self.ensure_ssh_key()
        image = self._image()
        if not image.directory.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            self.remove_unfinished()
            self._build(image, self.ensure_base())
        return image

    def remove_unfinished(self) -> None:
        """Remove what an interrupted build left; its mounts went with its namespace."""
        for left in [*self._cache.glob("*.work"), *self._cache.glob("*.part")]:
            commands.run(as_root(["rm", "-rf", str(left)]), self._log, what=f"removing {left}")

    def ensure_ssh_key(self) -> Path:
        """The private key, generated when it is not there."""
        if self.ssh_key.exists():
            return self.ssh_key
        self.ssh_key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "swift", "-f", self.ssh_key],
            check=True,
        )
        return self.ssh_key

    def _base(self) -> Path:
        distribution = self._mirror.distribution
        key = content_key(
            self._mirror.suite, distribution.components, distribution.packages,
            _SCRIPTS / "build-base",
        )  # fmt: skip
        return self._cache / f"base-{key}.tar.zst"

    def _image(self) -> RootImage:
        key = content_key(
            self._base().name, _TREE, _SCRIPTS / "build-root", wheels.requirements(),
            self.ssh_key.with_suffix(".pub"),
        )  # fmt: skip
        return RootImage(self._cache / f"root-{key}")

    def ensure_base(self) -> Path:
        """A distribution's packages as a compressed archive, made when it is not there."""
        base = self._base()
        if base.exists():
            return base
        self._cache.mkdir(parents=True, exist_ok=True)
        distribution = self._mirror.distribution
        if not Path(distribution.keyring).exists():
            raise DevstackError(f"missing: {distribution.keyring}; install its keyring package")
        script = [
            str(_SCRIPTS / "build-base"), self._mirror.address, self._mirror.suite,
            distribution.components, distribution.keyring, ",".join(distribution.packages),
            f"{base}.work", str(base), owner(),
        ]  # fmt: skip
        commands.run(
            isolated(script),
            self._log,
            what="making the machine's base by debootstrap",
            environment=self._mark,
        )
        return base

    def _build(self, image: RootImage, base: Path) -> None:
        directory = self._cache / f"{image.key}-wheels.part"
        wheels.download(directory, wheels.python_version(base), self._log)
        unfinished = Path(f"{image.directory}.part")
        script = [
            str(_SCRIPTS / "build-root"), str(base), str(_TREE),
            str(self.ssh_key.with_suffix(".pub")), str(directory), f"{image.directory}.work",
            str(unfinished), owner(),
        ]  # fmt: skip
        commands.run(
            isolated(script), self._log, what="making the machine's disk", environment=self._mark
        )
        unfinished.rename(image.directory)
        shutil.rmtree(directory)
        for other in self._cache.glob("base-*.tar.zst"):
            if other != base:
                other.unlink()
