"""``swift-invoker check``: its report, and what it says of settings, Docker and RDMA devices."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.cli import check, check_docker, check_rdma, check_spool, check_store
from invoker_plugin.cli.check_report import Finding, as_json, as_table, failed
from invoker_plugin.config.loading import load
from invoker_plugin.config.settings import Settings
from invoker_plugin.containers.engine_errors import DockerFault
from tests.unit.containers.engines import FakeEngine

MANIFEST = {
    "runtimes": {
        "nodejs": [{"kind": "nodejs:20", "default": True, "image": {"name": "python"}}],
        "python": [{"kind": "python:3-rdma", "default": True, "image": {"name": "swift"}}],
    }
}
ENVIRONMENT = {
    "KAFKA_HOSTS": "127.0.0.1:1",
    "CONFIG_whisk_couchdb_host": "127.0.0.1",
    "CONFIG_whisk_couchdb_port": "1",
    "CONFIG_whisk_couchdb_databases_WhiskAuth": "subjects",
    "CONFIG_whisk_couchdb_databases_WhiskEntity": "whisks",
    "CONFIG_whisk_couchdb_databases_WhiskActivation": "activations",
    "RUNTIMES_MANIFEST": json.dumps(MANIFEST),
}


def settings_of(**overrides: str) -> Settings:
    return load(ENVIRONMENT, None, {"invoker.id": "0", **overrides})


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def test_table_has_a_line_for_each_and_a_remedy_for_what_is_not_well() -> None:
    findings = [
        Finding("docker", "ok", "Engine 20.10", "never shown"),
        Finding("kafka-topics", "warn", "missing: health", "start the controller"),
    ]
    table = as_table(findings).splitlines()
    assert table[1].split() == ["docker", "ok", "Engine", "20.10"]
    assert "never shown" not in as_table(findings)
    assert table[3].strip() == "-> start the controller"
    assert table[-1] == "1 ok, 0 info, 1 warn, 0 fail"


def test_only_failures_fail() -> None:
    assert not failed([Finding("a", "warn", "x"), Finding("b", "info", "y")])
    assert failed([Finding("a", "ok", "x"), Finding("b", "fail", "y")])


def test_json_says_the_same() -> None:
    report = json.loads(as_json([Finding("a", "fail", "seen", "remedy")]))
    assert report == {
        "ok": False,
        "checks": [{"check": "a", "state": "fail", "seen": "seen", "remedy": "remedy"}],
    }


def test_each_fault_of_the_settings_is_a_line_with_its_remedy() -> None:
    findings = check.find({}, None, {"invoker.id": "0"})
    assert len(findings) > 3
    assert all(finding.state == "fail" for finding in findings)
    assert any(
        "KAFKA_HOSTS" in finding.seen and "host:port" in finding.remedy for finding in findings
    )


# -- Docker -------------------------------------------------------------------------------------


class Docker(FakeEngine):
    """Knows its host, too."""

    facts: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self.facts = {"MemTotal": 8 << 30, "MemoryLimit": True, "SwapLimit": True}

    async def info(self) -> dict[str, Any]:
        return self.facts


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    engine = Docker()
    monkeypatch.setattr(check_docker, "Engine", lambda host: engine)
    return engine


def check_docker_of(tmp_path: Path, **overrides: str) -> dict[str, Finding]:
    settings = settings_of(**{"containers.socket_root": str(tmp_path / "s"), **overrides})
    return by_name(asyncio.run(check_docker.check(settings)))


def test_docker_that_is_well(docker: Docker, tmp_path: Path) -> None:
    findings = check_docker_of(tmp_path)
    assert {finding.state for finding in findings.values()} <= {"ok", "warn"}
    assert findings["image swift"].seen == "speaks the Swift protocol 1"
    assert findings["image python"].seen == "an ordinary image"
    assert findings["container"].seen.startswith("swift:")
    assert findings["health-action"].state == "ok"
    assert docker.existing == {}
    assert docker.closed


def test_running_invokers_containers_are_left_alone(docker: Docker, tmp_path: Path) -> None:
    docker.existing["x"] = {"Id": "x", "Names": ["/wsk0_1_guest_a"], "State": "running"}
    check_docker_of(tmp_path)
    assert list(docker.existing) == ["x"]


def test_silent_docker_is_all_that_is_said(docker: Docker, tmp_path: Path) -> None:
    docker.fails["version"] = DockerFault("docker version: Connection refused")
    findings = check_docker_of(tmp_path)
    assert list(findings) == ["docker"]
    assert findings["docker"].state == "fail"
    assert "DOCKER_HOST" in findings["docker"].remedy


def test_container_that_cannot_be_made(docker: Docker, tmp_path: Path) -> None:
    docker.fails["start"] = DockerFault("docker start: no space left on device", 500)
    finding = check_docker_of(tmp_path)["container"]
    assert finding.state == "fail"
    assert "no space left" in finding.seen
    assert docker.existing == {}


def test_missing_image_and_kernel_without_limits(docker: Docker, tmp_path: Path) -> None:
    del docker.images["swift"]
    docker.facts |= {"SwapLimit": False, "MemTotal": 512 << 20}
    findings = check_docker_of(tmp_path)
    assert findings["image swift"].state == "fail"
    assert findings["docker-limits"].state == "warn"
    assert "swap" in findings["docker-limits"].seen
    assert findings["memory"].state == "warn"
    assert findings["container"].seen.startswith("python:")


# -- RDMA ---------------------------------------------------------------------------------------

V4 = "0000:0000:0000:0000:0000:ffff:0a00:0001"
UNSET = "0000:0000:0000:0000:0000:0000:0000:0000"


def sysfs_of(root: Path, gids: dict[int, tuple[str, str]], state: str = "4: ACTIVE") -> Path:
    verbs = root / "infiniband_verbs" / "uverbs7"
    port = root / "infiniband" / "rxe0" / "ports" / "1"
    for directory in (verbs, port / "gids", port / "gid_attrs" / "types"):
        directory.mkdir(parents=True)
    (verbs / "ibdev").write_text("rxe0\n")
    (port / "state").write_text(f"{state}\n")
    for index, (gid, kind) in gids.items():
        (port / "gids" / str(index)).write_text(f"{gid}\n")
        (port / "gid_attrs" / "types" / str(index)).write_text(f"{kind}\n")
    return root


def rdma(sysfs: Path, device: str | None = "rxe0") -> dict[str, Finding]:
    settings = settings_of(**({"containers.rdma_device": device} if device else {}))
    return by_name(check_rdma.check(settings, sysfs))


def test_device_with_everything_but_its_file(tmp_path: Path) -> None:
    gids = {0: (UNSET, ""), 1: (V4, "RoCE v2"), 5: (V4, "IB/RoCE v1")}
    findings = rdma(sysfs_of(tmp_path, gids))
    assert findings["rdma-device"].seen == "rxe0 is /dev/infiniband/uverbs7"
    assert findings["rdma-open"].state == "fail"
    assert findings["rdma-port"] == Finding("rdma-port", "ok", "port 1 ACTIVE")
    assert findings["rdma-gid"].seen == "2 GIDs, 1 of RoCE v2"
    assert findings["verbs-cache"].state == "info"


def test_port_that_is_down_and_no_gid(tmp_path: Path) -> None:
    findings = rdma(sysfs_of(tmp_path, {0: (UNSET, "")}, "1: DOWN"))
    assert findings["rdma-port"].state == "fail"
    assert findings["rdma-gid"].state == "fail"
    assert "address" in findings["rdma-gid"].remedy


def test_old_gids_alone_are_a_warning(tmp_path: Path) -> None:
    assert rdma(sysfs_of(tmp_path, {0: (V4, "IB/RoCE v1")}))["rdma-gid"].state == "warn"


def test_device_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    finding = rdma(sysfs_of(tmp_path, {}), "mlx5_0")["rdma-device"]
    assert finding.state == "fail"
    assert "rxe0" in finding.seen


def test_no_device_wanted(tmp_path: Path) -> None:
    assert rdma(tmp_path, None)["rdma-device"].state == "info"
    assert rdma(sysfs_of(tmp_path, {}), None)["rdma-device"].state == "warn"


# -- Store --------------------------------------------------------------------------------------


def test_store_without_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, tuple[int, Any]] = {"": (200, {"version": "3.3.3"})}
    monkeypatch.setattr(check_store, "_get", lambda store, path: answers.get(path, (404, None)))
    findings = by_name(check_store.check(settings_of()))
    assert findings["store"].seen.endswith("CouchDB 3.3.3")
    assert findings["store subjects"].state == "fail"
    assert findings["store-view"].state == "fail"


def test_store_that_refuses_the_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_store, "_get", lambda store, path: (401, None))
    (finding,) = check_store.check(settings_of())
    assert "password" in finding.remedy


def test_store_that_is_not_there() -> None:
    (finding,) = check_store.check(settings_of())
    assert finding.state == "fail"
    assert "refused" in finding.seen


# -- Spool --------------------------------------------------------------------------------------


def spool(directory: str, **overrides: str) -> Finding:
    (finding,) = check_spool.check(settings_of(**{"store.spool_directory": directory, **overrides}))
    return finding


def test_spool_that_is_not_there_yet_is_well_where_it_can_be_made(tmp_path: Path) -> None:
    finding = spool(str(tmp_path / "a" / "b"), **{"store.spool_bytes": "1m"})
    assert finding.state == "ok"
    assert f"{tmp_path}/a/b/invoker0" in finding.seen
    assert list(tmp_path.iterdir()) == []


def test_spool_without_room_or_without_a_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert spool(str(tmp_path / "file")).state == "fail"
    assert spool(str(tmp_path), **{"store.spool_bytes": "9000000g"}).state == "warn"
    assert "memory only" in spool("").seen
