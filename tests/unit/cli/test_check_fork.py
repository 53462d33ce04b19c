"""``swift-invoker check --fork``: the container it makes, and what it makes of what that says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.cli import check_fork, main
from invoker_plugin.cli.check_fork import ForkOptions, findings_of
from invoker_plugin.cli.check_report import Finding, failed
from invoker_plugin.config.settings import Settings
from invoker_plugin.containers import rdma_devices
from invoker_plugin.containers.rdma_devices import RdmaDevice
from tests.unit.cli.test_check import settings_of
from tests.unit.containers.engines import FakeEngine

DEVICE = {"check": "fork-device", "state": "ok", "seen": "rxe0", "remedy": ""}
RUNG = {"check": "rung", "state": "ok", "seen": "shared holds", "remedy": ""}
BAD = {"check": "rung", "state": "fail", "seen": "stock holds", "remedy": "set SWIFT_RDMA_RUNG"}


class Docker(FakeEngine):
    """Keeps what containers were made of; says what the program would."""

    def __init__(self) -> None:
        super().__init__()
        self.configurations: list[dict[str, Any]] = []
        self.state = {"Running": False, "ExitCode": 0}
        self.said = {"stdout": [DEVICE, RUNG], "stderr": []}

    async def create(self, name: str, config: dict[str, Any]) -> str:
        self.configurations.append(config)
        return await super().create(name, config)

    async def logs(self, container: str, stream: str, since: float) -> list[bytes]:
        return [
            f"2026-11-27T00:00:00Z {one if isinstance(one, str) else json.dumps(one)}\n".encode()
            for one in self.said[stream]
        ]


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    engine = Docker()
    monkeypatch.setattr(check_fork, "Engine", lambda host: engine)
    device = RdmaDevice("rxe0", "/dev/infiniband/uverbs7", 1)
    monkeypatch.setattr(rdma_devices, "_devices", lambda _: [device])
    return engine


def rdma_settings(tmp_path: Path) -> Settings:
    return settings_of(
        **{"containers.rdma_device": "rxe0", "containers.verbs_cache": str(tmp_path)}
    )


def check(tmp_path: Path, options: ForkOptions | None = None) -> list[Finding]:
    return asyncio.run(check_fork.check(rdma_settings(tmp_path), options or ForkOptions(slots=4)))


def test_the_container_is_as_actions_get_it(docker: Docker, tmp_path: Path) -> None:
    findings = check(tmp_path)
    assert [finding.check for finding in findings] == ["fork-image", "fork-device", "rung"]
    assert not failed(findings)
    [config] = docker.configurations
    assert config["Image"] == "swift"
    assert config["Entrypoint"][-3:] == ["--slots=4", "--rounds=10", "--seconds=60"]
    assert "SWIFT_RDMA_DEVICE=rxe0" in config["Env"]
    assert config["HostConfig"]["Devices"][0]["PathOnHost"] == "/dev/infiniband/uverbs7"
    assert config["HostConfig"]["Binds"] == [f"{tmp_path}:/run/swift-verbs:ro"]
    assert any(limit["Name"] == "memlock" for limit in config["HostConfig"]["Ulimits"])
    assert docker.called("remove"), "the container does not stay"
    assert docker.closed


def test_a_rung_that_does_not_hold_fails_with_its_remedy(docker: Docker, tmp_path: Path) -> None:
    docker.said["stdout"] = [DEVICE, BAD]
    findings = check(tmp_path)
    assert failed(findings)
    assert findings[-1].remedy == "set SWIFT_RDMA_RUNG"


def test_an_image_without_the_program_is_told(docker: Docker, tmp_path: Path) -> None:
    docker.said = {"stdout": [], "stderr": ["No module named swift_rdma"]}
    docker.state["ExitCode"] = 1
    [_, finding] = check(tmp_path, ForkOptions(image="python"))
    assert (finding.state, finding.seen) == ("fail", "exit code 1: No module named swift_rdma")
    assert "--image" in finding.remedy


def test_no_device_and_no_image(docker: Docker, tmp_path: Path) -> None:
    [finding] = asyncio.run(check_fork.check(settings_of(), ForkOptions()))
    assert finding.remedy == "set containers.rdma_device"
    docker.images["swift"] = {}
    [finding] = check(tmp_path)
    assert "speaks the Swift protocol" in finding.seen


def test_a_container_that_hangs_is_ended(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_fork, "_GRACE_S", -59.9)
    docker.state["Running"] = True
    docker.said["stdout"] = [DEVICE]
    findings = check(tmp_path)
    assert findings[-1].check == "rung"
    assert "did not end in time" in findings[-1].seen
    assert "RDMAV_SWIFT=0" in findings[-1].remedy
    assert docker.called("remove")


def test_an_early_end_and_noise() -> None:
    noise = ["libibverbs: Warning", "{}", "[]", '{"check": 1, "state": "ok", "seen": ""}']
    findings = findings_of([*noise, json.dumps(DEVICE)], 139)
    assert [finding.check for finding in findings] == ["fork-device", "rung"]
    assert "exit code 139" in findings[-1].seen
    assert findings_of(noise, 0) == []


def test_wrong_numbers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["check", "--fork", "--slots", "0"]) == 78
    assert "1 or more" in capsys.readouterr().err
