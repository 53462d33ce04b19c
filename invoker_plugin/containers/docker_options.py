"""Docker's run options, translated to the Engine API's fields.

An operator writes options as for ``docker run``, without dashes; so does OpenWhisk's
``containerArgs.extraArgs``. Source of the meaning of each: the Docker Engine API reference,
``POST /containers/create``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from invoker_plugin.containers import docker_values
from invoker_plugin.errors import ConfigurationError

Config = dict[str, Any]
"""The body of ``POST /containers/create``."""

_Setter = Callable[[Config, str], None]


def apply(config: Config, options: Mapping[str, Iterable[str]], where: str) -> Config:
    """Add ``options`` to ``config`` in place, and return it.

    Lists grow and single values are replaced, as on Docker's command line. Raises
    ConfigurationError, naming ``where`` the option is set, for one that is not known or wrong.
    """
    for option, values in options.items():
        setter = _SETTERS.get(option.lstrip("-"))
        if setter is None:
            raise ConfigurationError(_unknown(option.lstrip("-"), where))
        for value in values:
            try:
                setter(config, value)
            except ValueError as error:
                raise ConfigurationError(f"{where}: --{option.lstrip('-')}: {error}") from None
    return config


def _unknown(option: str, where: str) -> str:
    if option == "privileged":
        return f"{where}: --privileged is never used; grant the one device or capability needed"
    known = ", ".join(sorted(name for name in _SETTERS if len(name) > 1))
    return f"{where}: docker option --{option} is not supported; supported are: {known}"


def _host(config: Config) -> Config:
    host: Config = config.setdefault("HostConfig", {})
    return host


def _list(key: str, parse: Callable[[str], Any] = str) -> _Setter:
    """A setter that appends to a list of the host configuration, without doubles."""

    def add(config: Config, value: str) -> None:
        items = _host(config).setdefault(key, [])
        parsed = parse(value)
        if parsed not in items:
            items.append(parsed)

    return add


def _single(key: str, parse: Callable[[str], Any] = str) -> _Setter:
    """A setter for one field of the host configuration."""

    def put(config: Config, value: str) -> None:
        _host(config)[key] = parse(value)

    return put


def _table(key: str, separator: str = "=") -> _Setter:
    """A setter for one entry of a table of the host configuration."""

    def put(config: Config, value: str) -> None:
        name, _, content = value.partition(separator)
        _host(config).setdefault(key, {})[name] = content

    return put


def _environment(config: Config, value: str) -> None:
    """``KEY`` without ``=`` gives an empty value, unlike Docker's CLI (behaviour 85)."""
    entry = value if "=" in value else f"{value}="
    name = entry.partition("=")[0]
    if not name:
        raise ValueError(f"{value!r} names no variable")
    kept = [other for other in config.get("Env", []) if other.partition("=")[0] != name]
    config["Env"] = [*kept, entry]


def _label(config: Config, value: str) -> None:
    name, _, content = value.partition("=")
    config.setdefault("Labels", {})[name] = content


def _user(config: Config, value: str) -> None:
    config["User"] = value


def _ulimit(config: Config, value: str) -> None:
    """The same limit given later replaces the earlier one."""
    limit = docker_values.ulimit(value)
    others = [one for one in _host(config).get("Ulimits", []) if one["Name"] != limit["Name"]]
    _host(config)["Ulimits"] = [*others, limit]


def _cap_add(config: Config, value: str) -> None:
    """What the operator adds on purpose is no longer among what is dropped."""
    _list("CapAdd")(config, docker_values.capability(value))
    dropped = _host(config).get("CapDrop", [])
    _host(config)["CapDrop"] = [name for name in dropped if name != docker_values.capability(value)]


def _log_driver(config: Config, value: str) -> None:
    """Logs are read back from Docker, which only its own json-file driver allows in all modes."""
    if value != "json-file":
        raise ValueError(f"{value!r}: the invoker reads logs back, so only json-file works")
    _host(config).setdefault("LogConfig", {"Config": {}})["Type"] = value


def _log_option(config: Config, value: str) -> None:
    name, _, content = value.partition("=")
    log = _host(config).setdefault("LogConfig", {"Type": "json-file", "Config": {}})
    log["Config"][name] = content


_SETTERS: dict[str, _Setter] = {
    "add-host": _list("ExtraHosts"),
    "cap-add": _cap_add,
    "cap-drop": _list("CapDrop", docker_values.capability),
    "cgroup-parent": _single("CgroupParent"),
    "cpus": _single("NanoCpus", docker_values.nano_cpus),
    "cpuset-cpus": _single("CpusetCpus"),
    "cpuset-mems": _single("CpusetMems"),
    "device": _list("Devices", docker_values.device),
    "device-cgroup-rule": _list("DeviceCgroupRules"),
    "dns": _list("Dns"),
    "dns-option": _list("DnsOptions"),
    "dns-search": _list("DnsSearch"),
    "env": _environment,
    "e": _environment,
    "gpus": _list("DeviceRequests", docker_values.gpus),
    "group-add": _list("GroupAdd"),
    "init": _single("Init", docker_values.boolean),
    "ipc": _single("IpcMode"),
    "label": _label,
    "l": _label,
    "log-driver": _log_driver,
    "log-opt": _log_option,
    "memory-swappiness": _single("MemorySwappiness", int),
    "mount": _list("Mounts", docker_values.mount),
    "network": _single("NetworkMode"),
    "net": _single("NetworkMode"),
    "oom-score-adj": _single("OomScoreAdj", int),
    "pids-limit": _single("PidsLimit", int),
    "read-only": _single("ReadonlyRootfs", docker_values.boolean),
    "runtime": _single("Runtime"),
    "security-opt": _list("SecurityOpt"),
    "shm-size": _single("ShmSize", docker_values.size_bytes),
    "sysctl": _table("Sysctls"),
    "tmpfs": _table("Tmpfs", ":"),
    "ulimit": _ulimit,
    "user": _user,
    "u": _user,
    "userns": _single("UsernsMode"),
    "volume": _list("Binds"),
    "v": _list("Binds"),
}
