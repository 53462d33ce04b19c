"""Container images of the host's engine: which there are, and their archives."""

from __future__ import annotations

import os
from pathlib import Path

import docker
import docker.errors

from devstack.errors import DevstackError

_TIMEOUT_S = 600


def image_id(docker_host_url: str, tag: str) -> str:
    """The id (a hash of the content) of the image called ``tag``."""
    client = docker.DockerClient(base_url=docker_host_url, timeout=_TIMEOUT_S)
    try:
        return str(client.images.get(tag).id)
    except docker.errors.ImageNotFound as error:
        raise DevstackError(f"no image is called {tag!r} on {docker_host_url}") from error
    except docker.errors.DockerException as error:
        raise DevstackError(f"Docker at {docker_host_url}: {error}") from error
    finally:
        client.close()


def save_image(docker_host_url: str, tag: str, identity: str, archive: Path) -> None:
    """Write the image to ``archive`` as ``docker save`` does; it must still be ``identity``."""
    client = docker.DockerClient(base_url=docker_host_url, timeout=_TIMEOUT_S)
    unfinished = archive.with_name(f"{archive.name}.part")
    try:
        with unfinished.open("wb") as file:
            image = client.images.get(tag)
            if image.id != identity:
                raise DevstackError(f"image {tag!r} changed meanwhile: run the same command again")
            for chunk in image.save(named=tag):
                file.write(chunk)
        os.replace(unfinished, archive)
    except docker.errors.DockerException as error:
        raise DevstackError(f"cannot save image {tag!r} of {docker_host_url}: {error}") from error
    finally:
        client.close()
        unfinished.unlink(missing_ok=True)
