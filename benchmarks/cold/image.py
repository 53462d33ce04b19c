"""The image that is started: a small Python runtime; Python itself is mounted from this host."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from pathlib import Path

import docker

NAME, TAG = "swift-bench/runtime", "1"
RUNTIME = Path(__file__).resolve().parents[2] / "tests/integration/containers/image/runtime.py"
OWN = {sys.base_prefix, "/usr", "/lib", "/lib64"}


def mounts() -> tuple[str, ...]:
    """Docker's ``--volume`` options that it needs."""
    return tuple(f"{one}:{one}:ro" for one in sorted(OWN) if os.path.isdir(one))


def ensure(docker_host: str) -> str:
    """Have the image; its name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(RUNTIME, "runtime.py")
        for directory in ("tmp", "run"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
    client = docker.APIClient(base_url=docker_host, version="auto")
    entry_point = f'ENTRYPOINT ["{sys.base_prefix}/bin/python3", "-S", "/runtime.py"]'
    client.import_image_from_data(
        buffer.getvalue(), repository=NAME, tag=TAG, changes=[entry_point]
    )
    return f"{NAME}:{TAG}"
