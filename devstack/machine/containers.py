"""Containers of an engine that is about to be stopped."""

from __future__ import annotations

import docker
import docker.errors

from devstack.errors import DevstackError


def kill_containers(docker_host_url: str) -> None:
    """Kill every container that runs there."""
    client = docker.DockerClient(base_url=docker_host_url, timeout=60)
    try:
        for container in client.containers.list(ignore_removed=True):
            _kill(str(container.id), client)
    except docker.errors.DockerException as error:
        raise DevstackError(f"Docker at {docker_host_url}: {error}") from error
    finally:
        client.close()


def _kill(identity: str, client: docker.DockerClient) -> None:
    try:
        client.api.kill(identity)
    except (docker.errors.NotFound, docker.errors.APIError) as error:
        # A container that ended meanwhile is what we want.
        if error.status_code not in (404, 409):
            raise
