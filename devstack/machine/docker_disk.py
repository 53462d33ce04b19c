"""The virtual machine's disk for ``/var/lib/docker``, with images already in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack import commands
from devstack.machine.content_key import content_key
from devstack.machine.engine import open_engine
from devstack.machine.engine_api import EngineApi
from devstack.machine.privilege import isolated, owner
from devstack.paths import Paths
from devstack.process import MARK

_SCRIPT = Path(__file__).resolve().parent / "scripts" / "fill-docker-disk"
_SIZE_GB = 16


@dataclass(frozen=True)
class DockerDisk:
    """The disk for one set of images: ``images`` maps tags to image ids."""

    paths: Paths
    images: Mapping[str, str]

    @property
    def key(self) -> str:
        listed = [f"{tag} {identity}" for tag, identity in sorted(self.images.items())]
        return content_key(listed, _SCRIPT)

    @property
    def file(self) -> Path:
        return self.paths.cache / "machine" / f"docker-{self.key}.img"

    def ensure(self) -> Path:
        """The disk, filled from the host's engine when it is not there."""
        if not self.file.exists():
            self._fill()
        return self.file

    def _fill(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        archives = [
            self.file.with_name(f"{self.key}-{n}.tar.part") for n in range(len(self.images))
        ]
        unfinished = self.file.with_name(f"{self.file.name}.part")
        work = self.file.with_name(f"{self.file.name}.work")
        try:
            engine = EngineApi(open_engine(self.paths).docker_host_url)
            for archive, tag in zip(archives, sorted(self.images), strict=True):
                engine.save_image(tag, self.images[tag], archive)
            argv = [str(_SCRIPT), str(unfinished), str(_SIZE_GB), str(work), owner()]
            commands.run(
                isolated([*argv, *map(str, archives)], network=False),
                self.paths.logs / "machine-build.log",
                what="filling the machine's Docker disk",
                # What is left of a devstack that was killed is found by this mark, and ended.
                environment={MARK: str(self.paths.home)},
            )
        finally:
            for archive in archives:
                archive.unlink(missing_ok=True)
        unfinished.rename(self.file)
