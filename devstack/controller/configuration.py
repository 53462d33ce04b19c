"""The controller's settings, read from one JSON file.

The smallest useful file::

    {"port": 3233,
     "kafka": {"hosts": "127.0.0.1:9092"},
     "store": {"url": "http://127.0.0.1:5984", "username": "u", "password": "p"},
     "runtimes": {"runtimes": {"python": [{"kind": "python:3", "default": true, "image": {...}}]}}}

``runtimes`` is an OpenWhisk runtimes manifest, or the path of a file that holds one. Every key that
:class:`Configuration` and its parts name may be given; an unknown key is an error, so that a
misspelt one is not silently a default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from devstack.controller.limits import Limits

Json = Any


class ConfigurationFault(Exception):
    """The configuration is unusable; the text lists every fault, one a line."""


@dataclass(frozen=True)
class Kafka:
    """Where the brokers are; ``topic_prefix`` precedes every topic's name."""

    hosts: str = "127.0.0.1:9092"
    topic_prefix: str = ""


@dataclass(frozen=True)
class Store:
    """The CouchDB-compatible server and its three databases."""

    url: str = "http://127.0.0.1:5984"
    username: str = ""
    password: str = ""
    subjects: str = "local_subjects"
    whisks: str = "local_whisks"
    activations: str = "local_activations"


@dataclass(frozen=True)
class Configuration:
    """Everything the controller is told at start."""

    host: str = "127.0.0.1"
    port: int = 3233
    controller_id: str = "0"
    ping_timeout_ms: int = 10_000
    kafka: Kafka = field(default_factory=Kafka)
    store: Store = field(default_factory=Store)
    limits: Limits = field(default_factory=Limits)
    runtimes: Mapping[str, Json] = field(default_factory=dict)


_PARTS = frozenset({"kafka", "store", "limits", "runtimes"})
_Part = TypeVar("_Part", Kafka, Store, Limits)


def load(path: Path) -> Configuration:
    """Read and validate the file at ``path``; raises :class:`ConfigurationFault`."""
    return parse(_read_json(path), base=path.parent)


def parse(document: Json, base: Path = Path()) -> Configuration:
    """Validate a configuration ``document``; a path in it is relative to ``base``."""
    if not isinstance(document, dict):
        raise ConfigurationFault("the configuration must be a JSON object")
    faults: list[str] = []
    configuration = Configuration(
        kafka=_part(Kafka, document.get("kafka", {}), "kafka", faults),
        store=_part(Store, document.get("store", {}), "store", faults),
        limits=_part(Limits, document.get("limits", {}), "limits", faults),
        runtimes=_runtimes(document.get("runtimes"), base, faults),
        **_scalars(
            Configuration,
            {
                k: v
                for k, v in document.items()
                if k not in {"kafka", "store", "limits", "runtimes"}
            },
            "",
            faults,
        ),
    )
    faults.extend(_inconsistencies(configuration))
    if faults:
        raise ConfigurationFault("\n".join(faults))
    return configuration


def _part(kind: type[_Part], values: Json, name: str, faults: list[str]) -> _Part:
    if not isinstance(values, dict):
        faults.append(f"{name}: must be an object")
        return kind()
    return kind(**_scalars(kind, values, f"{name}.", faults))


def _scalars(
    kind: type, values: Mapping[str, Json], prefix: str, faults: list[str]
) -> dict[str, Json]:
    """Those of ``values`` that are fields of ``kind`` and have the field's type."""
    types = {item.name: item.type for item in fields(kind)}
    good: dict[str, Json] = {}
    for key, value in values.items():
        wanted = {"int": int, "str": str}.get(str(types.get(key)))
        if wanted is None:
            faults.append(f"{prefix}{key}: unknown setting; known are {', '.join(sorted(types))}")
        elif not isinstance(value, wanted) or isinstance(value, bool):
            faults.append(f"{prefix}{key}: must be of type {wanted.__name__}, is {value!r}")
        else:
            good[key] = value
    return good


def _runtimes(value: Json, base: Path, faults: list[str]) -> Mapping[str, Json]:
    manifest = _read_json(base / value) if isinstance(value, str) else value
    if not isinstance(manifest, dict) or not isinstance(manifest.get("runtimes"), dict):
        faults.append('runtimes: must be a manifest ({"runtimes": {...}}) or the path of one')
        return {}
    return manifest


def _inconsistencies(configuration: Configuration) -> list[str]:
    limits = configuration.limits
    faults = []
    if not 0 <= configuration.port <= 65535:
        faults.append(f"port: must be 0 to 65535, is {configuration.port}")
    if urlsplit(configuration.store.url).scheme not in {"http", "https"}:
        faults.append(
            f"store.url: must be an http:// or https:// URL, is {configuration.store.url!r}"
        )
    if not configuration.kafka.hosts:
        faults.append("kafka.hosts: must name at least one host:port")
    for name, low, default, high in (
        ("timeout", limits.timeout_min_ms, limits.timeout_default_ms, limits.timeout_max_ms),
        ("memory", limits.memory_min_mb, limits.memory_default_mb, limits.memory_max_mb),
        ("logs", limits.logs_min_mb, limits.logs_default_mb, limits.logs_max_mb),
        ("concurrency", limits.concurrency_min, limits.concurrency_default, limits.concurrency_max),
    ):
        if not low <= default <= high:
            faults.append(
                f"limits.{name}: {low} (min) <= {default} (default) <= {high} (max) fails"
            )
    return faults


def _read_json(path: Path) -> Json:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationFault(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationFault(f"{path}: is not JSON: {error}") from error
