"""The create arguments of a container: a pure function of specification and settings.

What stock OpenWhisk passes to ``docker run`` (behaviours 83 to 85), as the body of the Engine
API's ``POST /containers/create``, and what the Swift protocol adds (docs/runtime-protocol.md).
"""

from __future__ import annotations

from typing import Any

from invoker_plugin.containers import docker_options, labels
from invoker_plugin.containers.settings import SOCKET_NAME, ContainerSettings
from invoker_plugin.containers.specification import ContainerSpecification

SOCKET_MOUNT = "/run/swift"
"""Where a Swift container finds its own directory."""
VERBS_CACHE_MOUNT = "/run/swift-verbs"
"""Where a patched libibverbs looks for the discovery cache, unless it is told otherwise."""
PORT = 8080
_FULL_SHARE = 1024
_LEAST_SHARE = 2
_MIB = 1024 * 1024


def cpu_shares(memory_mb: int, user_memory_mb: int) -> int:
    """CPU in proportion to memory. The inner division is whole-numbered, as in stock OpenWhisk."""
    containers = max(user_memory_mb // memory_mb, 1)
    return max(_FULL_SHARE // containers, _LEAST_SHARE)


def cpu_limit(memory_mb: int, user_memory_mb: int, user_cpus: float) -> str:
    """A hard limit of CPUs in proportion to memory: 5 decimals, 0.01 at least (behaviour 83)."""
    return f"{max(user_cpus * memory_mb / user_memory_mb, 0.01):.5f}"


def create_arguments(
    specification: ContainerSpecification,
    settings: ContainerSettings,
    image: str,
    protocol: int = 0,
    socket_directory: str | None = None,
) -> dict[str, Any]:
    """The body of ``POST /containers/create``.

    ``image`` is the resolved name, ``protocol`` what the image's label says, ``socket_directory``
    the container's own directory on the host (Swift images only).
    """
    config: dict[str, Any] = {
        "Image": image,
        "Env": [],
        "Labels": {labels.INVOKER: settings.name_prefix.rstrip("_"), **specification.labels},
        "HostConfig": _host_config(specification, settings),
    }
    config["Labels"][labels.PROTOCOL] = str(protocol)
    environment = [f"__OW_API_HOST={settings.api_host}", *settings.environment]
    environment += [f"{key}={value}" for key, value in specification.environment.items()]
    docker_options.apply(config, {"env": environment}, "containerArgs.extra-env-vars")
    _apply_operator_options(config, specification.kind, settings)
    if protocol:
        _apply_swift(config, specification, settings, socket_directory)
    return config


def _host_config(
    specification: ContainerSpecification, settings: ContainerSettings
) -> dict[str, Any]:
    memory_bytes = specification.memory_mb * _MIB
    shares = cpu_shares(specification.memory_mb, settings.user_memory_mb)
    host: dict[str, Any] = {
        "CpuShares": specification.cpu_shares or shares,
        "Memory": memory_bytes,
        # Equal to the memory: no swap, so that a container over its memory is killed, not slow.
        "MemorySwap": memory_bytes,
        "NetworkMode": settings.network,
        "CapDrop": ["NET_RAW", "NET_ADMIN"],
        "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}],
        "PidsLimit": 1024,
        "LogConfig": {"Type": "json-file", "Config": {}},
    }
    for key, values in (
        ("Dns", settings.dns),
        ("DnsSearch", settings.dns_search),
        ("DnsOptions", settings.dns_options),
    ):
        if values:
            host[key] = list(values)
    if settings.user_cpus is not None:
        cpus = cpu_limit(specification.memory_mb, settings.user_memory_mb, settings.user_cpus)
        docker_options.apply({"HostConfig": host}, {"cpus": [cpus]}, "container-pool.user-cpus")
    return host


def _apply_operator_options(config: dict[str, Any], kind: str, settings: ContainerSettings) -> None:
    docker_options.apply(config, settings.options, "containerArgs.extra-args")
    docker_options.apply(config, settings.kinds.get(kind, {}), f"containers.kinds.{kind}")


def _apply_swift(
    config: dict[str, Any],
    specification: ContainerSpecification,
    settings: ContainerSettings,
    socket_directory: str | None,
) -> None:
    options: dict[str, list[str]] = {"env": [], "volume": []}
    if socket_directory is not None:
        config["Labels"][labels.SOCKET] = socket_directory
        options["volume"].append(f"{socket_directory}:{SOCKET_MOUNT}")
        options["env"].append(f"SWIFT_SOCKET={SOCKET_MOUNT}/{SOCKET_NAME}")
        if config["HostConfig"]["NetworkMode"] == "host":
            # On the host's network all containers would want the same port.
            options["env"].append("SWIFT_PORT=0")
    if specification.rdma and settings.rdma_device and settings.rdma_character_device:
        options["env"].append(f"SWIFT_RDMA_DEVICE={settings.rdma_device}")
        options["device"] = [settings.rdma_character_device]
        if settings.verbs_cache is not None:
            # the directory and not the file: a new cache is put in its place by rename
            options["volume"].append(f"{settings.verbs_cache}:{VERBS_CACHE_MOUNT}:ro")
        limits = config["HostConfig"]["Ulimits"]
        if not any(limit["Name"] == "memlock" for limit in limits):
            # Registered memory is locked memory, and Docker's default of 64 KiB fails the first
            # registration. The container's memory bounds what can be locked in any case.
            options["ulimit"] = [f"memlock={config['HostConfig']['Memory']}"]
    docker_options.apply(config, options, "swift")
