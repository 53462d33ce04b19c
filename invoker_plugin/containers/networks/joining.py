"""Which containers may join a network that was made ahead, and what changes in their arguments.

Docker sets up address, name service and ``/etc/hosts`` where the network is made, and refuses such
options for a container that joins. So these options move to the holder, and a container whose own
differ (a kind with a macvlan for RDMA, say) starts the ordinary way.
"""

from __future__ import annotations

import copy
from typing import Any

from invoker_plugin.containers import docker_options, labels
from invoker_plugin.containers.settings import ContainerSettings

Config = dict[str, Any]

_NETWORK_KEYS = ("NetworkMode", "Dns", "DnsSearch", "DnsOptions", "ExtraHosts")
_MIB = 1024 * 1024
_HOLDER_MEMORY_MB = 16
ROLE = "network"


def common(settings: ContainerSettings) -> Config:
    """What of the network all containers have by the settings, as ``HostConfig`` has it."""
    host: Config = {"NetworkMode": settings.network}
    for key, values in (
        ("Dns", settings.dns),
        ("DnsSearch", settings.dns_search),
        ("DnsOptions", settings.dns_options),
    ):
        if values:
            host[key] = list(values)
    docker_options.apply({"HostConfig": host}, settings.options, "containerArgs.extra-args")
    return _network_part(host)


def holder(settings: ContainerSettings, image: str) -> Config:
    """The create arguments of a container that holds a network and can do nothing else."""
    memory_bytes = _HOLDER_MEMORY_MB * _MIB
    return {
        "Image": image,
        "Labels": {labels.INVOKER: settings.name_prefix.rstrip("_"), labels.ROLE: ROLE},
        "HostConfig": {
            **common(settings),
            "Memory": memory_bytes,
            "MemorySwap": memory_bytes,
            "CpuShares": 2,
            "PidsLimit": 64,
            "CapDrop": ["ALL"],
            "ReadonlyRootfs": True,
            "LogConfig": {"Type": "none", "Config": {}},
        },
    }


def objection(config: Config, settings: ContainerSettings) -> str | None:
    """Why a container of these create arguments must have a network of its own, if it must."""
    host = config["HostConfig"]
    if _network_part(host) != common(settings):
        return "its network options are its kind's own"
    if host.get("Runtime"):
        return "another OCI runtime may not join a network"
    if host.get("UsernsMode"):
        return "another user namespace does not own the network"
    return None


def joined(config: Config, holder_id: str) -> Config:
    """The create arguments with the network of ``holder_id``."""
    changed = copy.deepcopy(config)
    host = changed["HostConfig"]
    for key in _NETWORK_KEYS:
        host.pop(key, None)
    host["NetworkMode"] = f"container:{holder_id}"
    rest = {name: value for name, value in host.pop("Sysctls", {}).items() if not _of_net(name)}
    if rest:
        host["Sysctls"] = rest
    return changed


def _network_part(host: Config) -> Config:
    part = {key: host[key] for key in _NETWORK_KEYS if host.get(key)}
    of_net = {name: value for name, value in host.get("Sysctls", {}).items() if _of_net(name)}
    return {**part, "Sysctls": of_net} if of_net else part


def _of_net(sysctl: str) -> bool:
    return sysctl.startswith("net.")
