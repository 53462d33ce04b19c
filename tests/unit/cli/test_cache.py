"""``swift-invoker cache``: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from invoker_plugin.cli import main
from invoker_plugin.verbs import file
from invoker_plugin.verbs.discovery import Machine, NoDevices
from invoker_plugin.verbs.layout import Cache, CacheFault
from tests.unit.verbs.caches import BOOT_ID, cache, device

NOW: list[Cache | CacheFault] = []


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of one device, and readers that trust who runs the tests."""

    def read(self: Machine) -> Cache:
        if isinstance(NOW[0], CacheFault):
            raise NOW[0]
        return NOW[0]

    NOW[:] = [cache()]
    monkeypatch.setattr(Machine, "read", read)
    monkeypatch.setattr(file, "_OWNER", os.geteuid())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "verbs" / "devices"


def test_build_then_check_then_show(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for what in ("build", "check", "show"):
        assert main.main(["cache", what, str(path)]) == 0
        lines.append(capsys.readouterr().out)
    assert lines[0] == lines[1] == lines[2]
    boot, one = lines[0].splitlines()
    assert boot == f"boot {BOOT_ID}"
    assert one.startswith("rxe0 uverbs0 231:192 index 0 inode 1000 guid 005054fffe123456 driver 14")


def test_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["cache", "build", str(path), "--json"])
    [found] = json.loads(capsys.readouterr().out)["devices"]
    assert (found["ibdev_name"], found["node_guid"]) == ("rxe0", "005054fffe123456")
    NOW[:] = [cache(device(class_inode=7))]
    assert main.main(["cache", "check", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "used": False, "reason": "device rxe0 was removed and added again",
    }  # fmt: skip


def test_check_says_why_and_what_to_do(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["cache", "build", str(path)])
    NOW[:] = [cache(device(), device(1))]
    assert main.main(["cache", "check", str(path)]) == 1
    line = capsys.readouterr().out.splitlines()[-1]
    assert "is not used: device rxe1 was added; `swift-invoker cache build`" in line


@pytest.mark.parametrize("what", ["build", "check", "show"])
def test_faults_are_one_line_and_exit_code_1(
    what: str, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    NOW[:] = [NoDevices("this machine has no RDMA device; load its driver")]
    assert main.main(["cache", what, str(path)]) == 1
    NOW[:] = [cache()]
    monkeypatch.setattr(file, "_OWNER", os.geteuid() + 1)
    assert main.main(["cache", what, str(path)]) == 1
    captured = capsys.readouterr()
    lines = (captured.out + captured.err).splitlines()
    assert len(lines) == 2
    if what == "build":
        assert "no RDMA device" in lines[0]
        assert "run this as root" in lines[1]
