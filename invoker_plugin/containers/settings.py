"""The settings that containers need, apart from where they were read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from invoker_plugin.containers import docker_options, names, rdma_devices
from invoker_plugin.containers.rdma_devices import RdmaDevice
from invoker_plugin.errors import ConfigurationError, SystemFault

if TYPE_CHECKING:
    from invoker_plugin.config.settings import Settings

SOCKET_NAME = "proxy.sock"
LONGEST_SOCKET_PATH = 107
"""sockaddr_un holds 108 bytes, one of them for the closing zero."""
_TOKEN_LENGTH = 16

Options = Mapping[str, tuple[str, ...]]
"""Docker's own run options without dashes, each with its values: ``{"device": ("/dev/x",)}``."""


@dataclass(frozen=True)
class ContainerSettings:
    """All that shapes containers.

    ``options`` are the operator's extra run options (OpenWhisk's ``containerArgs.extraArgs``),
    ``kinds`` further ones for a kind of action. ``environment`` entries are ``KEY=value``, or
    ``KEY`` alone for an empty value (behaviour 85). ``user_memory_mb`` is the pool's whole memory,
    which cpu-shares are proportional to. ``local_images`` are users' images that are never pulled.
    ``socket_root`` is a directory of the Docker host's that this process sees under the same path;
    None has Swift containers reached over TCP. ``ready_networks`` are made ahead of the containers
    that will join them. ``rdma_device`` is an RDMA device (``mlx5_0``), ``rdma_character_device``
    its ``/dev/infiniband/uverbsN``; ``verbs_cache`` is where the host has its discovery cache, None
    for none. ``response_limit_bytes`` is the
    largest result that is taken, ``truncation_bytes`` what is kept of a larger one.
    """

    name_prefix: str
    user_memory_mb: int
    api_host: str = ""
    network: str = "bridge"
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    options: Options = field(default_factory=dict)
    kinds: Mapping[str, Options] = field(default_factory=dict)
    runtimes_registry: str = ""
    user_images_registry: str = ""
    local_images: tuple[str, ...] = ()
    user_cpus: float | None = None
    parallel_runs: int = 10
    removed_at_once: int = 10
    ready_networks: int = 0
    docker_host: str | None = None
    socket_root: str | None = None
    rdma_device: str | None = None
    rdma_character_device: str | None = None
    verbs_cache: str | None = None
    response_limit_bytes: int = 1024 * 1024
    truncation_bytes: int = 1024 * 1024

    @classmethod
    def from_settings(cls, settings: Settings) -> ContainerSettings:
        """Those of the whole configuration. Raises ConfigurationError."""
        containers = settings.containers
        device = containers.rdma_device or None
        return cls(
            name_prefix=names.prefix(settings.invoker.id or 0, settings.invoker.unique_name),
            user_memory_mb=settings.pool.user_memory_mb,
            api_host=settings.invoker.api_host,
            network=containers.network,
            dns=containers.dns,
            dns_search=containers.dns_search,
            dns_options=containers.dns_options,
            environment=containers.extra_env,
            options=containers.extra_args,
            kinds=containers.kinds,
            runtimes_registry=containers.runtimes_registry,
            user_images_registry=containers.user_images_registry,
            local_images=settings.manifest.blackboxes,
            user_cpus=settings.pool.user_cpus,
            parallel_runs=containers.parallel_runs,
            removed_at_once=settings.pool.batch_deletion_size,
            ready_networks=containers.ready_networks,
            docker_host=containers.docker_host,
            socket_root=containers.socket_root or None,
            rdma_device=device,
            rdma_character_device=rdma_devices.character_devices().get(device) if device else None,
            verbs_cache=containers.verbs_cache or None,
            response_limit_bytes=settings.limits.payload_bytes,
            truncation_bytes=settings.limits.truncation_bytes,
        )

    def __post_init__(self) -> None:
        """Raise ConfigurationError now for what would fail with each container."""
        if self.user_memory_mb <= 0:
            raise ConfigurationError("the pool's user memory must be more than 0 MB")
        if self.parallel_runs < 1:
            raise ConfigurationError("docker client parallel-runs must be 1 or more")
        if self.ready_networks < 0:
            raise ConfigurationError("containers.ready_networks must be 0 (none) or more")
        if self.rdma_device and not self.rdma_character_device:
            raise ConfigurationError(
                f"RDMA device {self.rdma_device} has no character device under /dev/infiniband;"
                " load ib_uverbs, or leave the RDMA device out of the settings"
            )
        if self.verbs_cache is not None and not os.path.isabs(self.verbs_cache):
            raise ConfigurationError(f"verbs cache {self.verbs_cache!r} must be an absolute path")
        self._check_socket_root()
        docker_options.apply({}, self.options, "containerArgs.extra-args")
        for kind, options in self.kinds.items():
            docker_options.apply({}, options, f"containers.kinds.{kind}")

    def _check_socket_root(self) -> None:
        if self.socket_root is None:
            return
        if not os.path.isabs(self.socket_root):
            raise ConfigurationError(f"socket root {self.socket_root!r} must be an absolute path")
        longest = os.path.join(self.socket_root, "x" * _TOKEN_LENGTH, SOCKET_NAME)
        if len(os.fsencode(longest)) > LONGEST_SOCKET_PATH:
            raise ConfigurationError(
                f"socket root {self.socket_root!r} is too long: sockets under it would pass"
                f" {LONGEST_SOCKET_PATH} bytes, the most a Unix socket's path may have"
            )


def rdma_now(
    settings: ContainerSettings, sysfs: Path = rdma_devices.SYSFS
) -> tuple[ContainerSettings, RdmaDevice | None]:
    """As a container that is made now needs them, and its device if it gets one.

    Raises SystemFault while the device is away. One that was removed and added again may have
    another number. A cache directory that is not there is left out: Docker would make it, where it
    can, and else make no container.
    """
    if settings.rdma_device is None:
        return settings, None
    device = rdma_devices.find(settings.rdma_device, sysfs)
    if device is None:
        raise SystemFault(
            f"RDMA device {settings.rdma_device} is not on this host any more; add it again, or"
            " leave containers.rdma_device empty"
        )
    cache = settings.verbs_cache
    now = replace(
        settings,
        rdma_character_device=device.path,
        verbs_cache=cache if cache is not None and os.path.isdir(cache) else None,
    )
    return now, device
