"""The base image with rdma-core from one pinned source in the place of Debian's.

``patches/rdma-core/build.py`` compiles it, with the series or without. libibverbs, librdmacm, the
providers and pyverbs then are of that one build, and lie where unmodified programs look for them.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from devstack import commands
from devstack.errors import DevstackError
from devstack.paths import REPOSITORY, Paths
from runtime_image import base as bases

_BUILD = REPOSITORY / "patches" / "rdma-core" / "build.py"
_DOCKERFILE = """\
ARG BASE
FROM ${BASE}
RUN dpkg --purge --force-depends libibverbs1 ibverbs-providers librdmacm1t64 \\
 && rm -rf /usr/lib/python3/dist-packages/pyverbs
ADD rdma-core.tar /
RUN rm -rf /usr/share/rdma-core && ldconfig
"""


@dataclass(frozen=True)
class RdmaCoreBase:
    """``base`` with our build of rdma-core; made once for each content of the series.

    ``name`` is the image's, ``variant`` what build.py calls the build: ``stock`` is the source as
    it is, the baseline; ``swift`` has the series.
    """

    base: bases.Base
    name: str
    variant: str

    @property
    def tag(self) -> str:
        return f"swift-base-{self.base.name}-{self.name}:{self.base.key()}-{self._key()}"

    def ensure(self, client: docker.DockerClient, paths: Paths, say: bases.Say) -> str:
        """Have it in the engine; its tag. Compiles for some minutes the first time."""
        tag = self.tag
        try:
            client.images.get(tag)
        except ImageNotFound:
            base_tag = self.base.ensure(client, paths, say)
            archive = self._archive(paths, say)
            say(f"build {tag}")
            files = {"Dockerfile": _DOCKERFILE.encode(), "rdma-core.tar": archive.read_bytes()}
            client.images.build(
                fileobj=bases.context_of(files), custom_context=True, tag=tag, rm=True,
                network_mode="none", buildargs={"BASE": base_tag},
            )  # fmt: skip
        else:
            say(f"kept {tag}")
        return tag

    def _key(self) -> str:
        printed = commands.output_of([sys.executable, str(_BUILD), self.variant, "--key"])
        if printed is None:
            raise DevstackError(f"{_BUILD} does not tell what it would build: run it to see why")
        return printed.strip()

    def _archive(self, paths: Paths, say: bases.Say) -> Path:
        say(f"build rdma-core ({self.variant}; its log is {paths.logs / 'rdma-core.log'})")
        # its own words go to stderr, and it keeps what it has built
        argv = [sys.executable, str(_BUILD), self.variant]
        built = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
        if built.returncode != 0:
            raise DevstackError("rdma-core could not be built; the lines above say why")
        return Path(built.stdout.strip().splitlines()[-1])
