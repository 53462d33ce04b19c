"""What the assembly works out of the settings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from invoker_plugin.cli.assembly import stem_cell_probe
from invoker_plugin.cli.shares import instance_of, max_peek, pool_settings
from invoker_plugin.config.loading import load
from invoker_plugin.config.settings import Settings
from invoker_plugin.errors import ConfigurationError
from invoker_plugin.pool import PrewarmTarget
from tests.unit.invoker.world import World

CELLS = [
    {"initialCount": 2, "memory": "128 m"},
    {
        "initialCount": 1,
        "memory": "256 m",
        "reactive": {
            "minCount": 1,
            "maxCount": 4,
            "ttl": "2 minutes",
            "threshold": 3,
            "increment": 2,
        },
    },
]
KIND: dict[str, Any] = {"kind": "python:3", "image": {"prefix": "whisk", "name": "py"}}
MANIFEST = {"runtimes": {"python": [{**KIND, "stemCells": CELLS}]}}


def settings_of(**environ: str) -> Settings:
    couch = {
        f"CONFIG_whisk_couchdb_databases_{name}": name
        for name in ("WhiskAuth", "WhiskEntity", "WhiskActivation")
    }
    needed = {
        "KAFKA_HOSTS": "127.0.0.1:9092",
        "RUNTIMES_MANIFEST": json.dumps(MANIFEST),
        "CONFIG_whisk_couchdb_host": "127.0.0.1",
        **couch,
    }
    return load({**needed, **environ}, None, {"invoker.id": "7", "store.spool_directory": ""})


@pytest.mark.parametrize(
    ("concurrency", "factor", "peek"), [("1", "0.5", 16), ("10", "0.5", 80), ("2", "0.1", 16)]
)
def test_peek_is_what_fits_and_grows_with_concurrency(
    concurrency: str, factor: str, peek: int
) -> None:
    settings = settings_of(
        CONFIG_whisk_containerPool_userMemory="2048m",
        CONFIG_whisk_containerPool_concurrentPeekFactor=factor,
        CONFIG_whisk_concurrencyLimit_max=concurrency,
    )
    assert max_peek(settings) == peek


def test_poll_interval_must_exceed_the_longest_action() -> None:
    assert settings_of().kafka.max_poll_interval_ms > settings_of().limits.timeout_max_ms
    with pytest.raises(ConfigurationError, match="max_poll_interval_ms"):
        settings_of(CONFIG_whisk_kafka_consumer_maxPollIntervalMs="300000")


def test_stem_cells_of_the_manifest_and_a_varied_check() -> None:
    pools = [pool_settings(settings_of()) for _ in range(20)]
    constant, reactive = pools[0].prewarm
    assert constant == PrewarmTarget("python:3", 128, 2, 2)
    assert reactive == PrewarmTarget("python:3", 256, 1, 4, 120_000, 3, 2)
    checks = {pool.prewarm_check_ms for pool in pools}
    assert len(checks) > 1
    assert all(600_000 <= check <= 610_000 for check in checks)


def test_names_tags_and_namespaces_are_announced() -> None:
    settings = settings_of(
        CONFIG_whisk_invoker_resource_tags="rdma",
        CONFIG_whisk_invoker_dedicated_namespaces="guest",
    )
    assert instance_of(settings).to_json() == {
        "instance": 7,
        "instanceType": "invoker",
        "userMemory": "1073741824 B",
        "tags": ["rdma"],
        "dedicatedNamespaces": ["guest"],
    }


def test_stem_cells_are_probed_only_where_wanted() -> None:
    driver = World().driver
    assert stem_cell_probe(settings_of(), driver) is None
    wanted = settings_of(CONFIG_whisk_containerProxy_actionHealthCheck_enabled="true")
    assert stem_cell_probe(wanted, driver) is not None
