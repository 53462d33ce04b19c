"""The values of Docker's run options, parsed to what the Engine API takes.

Each function raises ValueError with one line for a value that Docker's CLI would refuse.
"""

from __future__ import annotations

import re
from typing import Any

_SIZE = re.compile(r"(\d+)\s*([bkmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def size_bytes(value: str) -> int:
    """``64m`` -> 67108864."""
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is no size; write it like 64m")
    return int(match.group(1)) * _UNITS[match.group(2).lower()]


def nano_cpus(value: str) -> int:
    """``0.5`` CPUs -> 500000000; Docker refuses less than 0.01."""
    cpus = float(value)
    if cpus < 0.01:
        raise ValueError(f"{value!r} is less than 0.01 CPUs, the least that Docker takes")
    return round(cpus * 1_000_000_000)


def boolean(value: str) -> bool:
    """An option without a value counts as true."""
    if value.lower() not in ("", "true", "false"):
        raise ValueError(f"{value!r} is neither true nor false")
    return value.lower() != "false"


def capability(value: str) -> str:
    """``CAP_NET_RAW`` and ``net_raw`` are both ``NET_RAW``."""
    name = value.upper()
    return name[len("CAP_") :] if name.startswith("CAP_") else name


def ulimit(value: str) -> dict[str, Any]:
    """``nofile=1024:2048``, ``memlock=-1``: a missing hard limit equals the soft one."""
    name, equals, limits = value.partition("=")
    soft, _, hard = limits.partition(":")
    try:
        parsed = {"Name": name, "Soft": int(soft), "Hard": int(hard or soft)}
    except ValueError:
        parsed = {}
    if not (name and equals and parsed):
        raise ValueError(f"{value!r} is no limit; write it like memlock=-1:-1")
    return parsed


def device(value: str) -> dict[str, str]:
    """``/dev/x``, ``/dev/x:/dev/y``, ``/dev/x:rw`` or ``/dev/x:/dev/y:rwm``."""
    host, *rest = value.split(":")
    permissions = rest.pop() if rest and re.fullmatch("[rwm]{1,3}", rest[-1]) else "rwm"
    inside = rest.pop() if rest else host
    if rest or not host.startswith("/") or not inside.startswith("/"):
        raise ValueError(f"{value!r} is no device; write it like /dev/host:/dev/inside:rwm")
    return {"PathOnHost": host, "PathInContainer": inside, "CgroupPermissions": permissions}


def gpus(value: str) -> dict[str, Any]:
    """``all``, a number of GPUs, or ``device=0,1``."""
    request: dict[str, Any] = {"Driver": "", "Count": 0, "Capabilities": [["gpu"]]}
    if value.startswith("device="):
        return {**request, "DeviceIDs": value[len("device=") :].strip('"').split(",")}
    return {**request, "Count": -1 if value == "all" else int(value)}


def mount(value: str) -> dict[str, Any]:
    """``type=bind,source=/a,target=/b,readonly``; of the CLI's options those that are common."""
    fields = dict(_mount_field(part) for part in value.split(","))
    kind = fields.pop("type", "volume")
    target = fields.pop("target", "")
    parsed: dict[str, Any] = {"Type": kind, "Target": target}
    if kind not in ("bind", "volume", "tmpfs") or not target.startswith("/"):
        raise ValueError(f"{value!r} is no mount; write it like type=bind,source=/a,target=/b")
    if "source" in fields:
        parsed["Source"] = fields.pop("source")
    if boolean(fields.pop("readonly", "false")):
        parsed["ReadOnly"] = True
    if kind == "tmpfs" and "tmpfs-size" in fields:
        parsed["TmpfsOptions"] = {"SizeBytes": size_bytes(fields.pop("tmpfs-size"))}
    if fields:
        raise ValueError(f"mount option {next(iter(fields))!r} is not supported")
    return parsed


_MOUNT_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}


def _mount_field(part: str) -> tuple[str, str]:
    name, equals, content = part.strip().partition("=")
    return _MOUNT_ALIASES.get(name, name), content if equals else "true"
