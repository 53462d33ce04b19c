"""What containers are made of, and the Docker Engine that makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from invoker_plugin.config import values
from invoker_plugin.config.setting import setting

_PROXY = "CONFIG_whisk_containerProxy_"
_FACTORY = "CONFIG_whisk_containerFactory_"


@dataclass(frozen=True)
class ContainersSettings:
    """What containers are made of, and the Docker Engine that makes them."""

    network: str = setting(
        f"{_FACTORY}containerArgs_network", values.TEXT, "bridge", "of containers"
    )
    dns: tuple[str, ...] = setting(
        f"{_FACTORY}containerArgs_dnsServers", values.LINES, (), "DNS servers"
    )
    dns_search: tuple[str, ...] = setting(
        f"{_FACTORY}containerArgs_dnsSearch", values.LINES, (), "DNS suffixes"
    )
    dns_options: tuple[str, ...] = setting(
        f"{_FACTORY}containerArgs_dnsOptions", values.LINES, (), "DNS options"
    )
    extra_env: tuple[str, ...] = setting(
        f"{_FACTORY}containerArgs_extraEnvVars",
        values.LINES,
        (),
        "`KEY=value` for every container; `KEY` alone is empty",
    )
    extra_args: Mapping[str, tuple[str, ...]] = setting(
        f"{_FACTORY}containerArgs_extraArgs",
        values.OPTIONS,
        {},
        "further `docker run` options, without dashes",
    )
    kinds: Mapping[str, Mapping[str, tuple[str, ...]]] = setting(
        None,
        values.OPTIONS_BY_KIND,
        {},
        "further `docker run` options for one kind of action",
    )
    runtimes_registry: str = setting(
        f"{_FACTORY}runtimesRegistry_url",
        values.TEXT,
        "",
        "registry of the manifest's images",
    )
    user_images_registry: str = setting(
        f"{_FACTORY}userImagesRegistry_url",
        values.TEXT,
        "",
        "registry of users' own images",
    )
    parallel_runs: int = setting(
        "CONFIG_whisk_docker_client_parallelRuns",
        values.INTEGER,
        10,
        "containers made at one time",
    )
    ready_networks: int = setting(
        None,
        values.INTEGER,
        0,
        "network namespaces made ahead for new containers to join; 0: none",
    )
    mask_arguments: bool = setting(
        "CONFIG_whisk_docker_client_maskDockerRunArgs",
        values.FLAG,
        True,
        "accepted; containers' environment is never logged",
    )
    docker_host: str | None = setting(
        "DOCKER_HOST", values.TEXT, None, "address of the Docker Engine; unset: its usual socket"
    )
    socket_root: str | None = setting(
        None,
        values.PATH,
        "/run/swift-invoker",
        "directory of the containers' Unix sockets; empty: TCP",
    )
    rdma_device: str | None = setting(
        None, values.TEXT, None, "RDMA device that RDMA actions use (`rxe0`); unset: none"
    )
    verbs_cache: str | None = setting(
        None,
        values.PATH,
        "/run/swift-verbs",
        "directory of the RDMA discovery cache that the invoker keeps; empty: none",
    )
    health_check: bool = setting(
        f"{_PROXY}actionHealthCheck_enabled", values.FLAG, False, "probe stem cells by TCP"
    )
    health_check_period_ms: int = setting(
        f"{_PROXY}actionHealthCheck_checkPeriod", values.DURATION_MS, 3_000, "time between probes"
    )
    health_check_fails: int = setting(
        f"{_PROXY}actionHealthCheck_maxFails",
        values.INTEGER,
        3,
        "failed probes in a row after which a stem cell is replaced",
    )
