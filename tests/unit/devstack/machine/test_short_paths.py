from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from devstack.errors import DevstackError
from devstack.machine.short_paths import socket_directory
from devstack.paths import Paths


def test_a_short_home_keeps_its_sockets() -> None:
    # Not tmp_path: pytest's directories are long.
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        paths = Paths(Path(home))
        assert socket_directory(paths, "engine") == paths.run / "engine"


def test_a_long_home_gets_a_private_directory_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    paths = Paths(tmp_path / ("x" * 80))
    directory = socket_directory(paths, "engine")
    assert directory.parent == tmp_path
    assert directory.stat().st_mode & 0o077 == 0
    assert socket_directory(paths, "engine") == directory


def test_somebody_elses_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    paths = Paths(tmp_path / ("x" * 80))
    directory = socket_directory(paths, "engine")
    directory.rmdir()
    directory.symlink_to(tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(DevstackError, match="belongs to somebody else"):
        socket_directory(paths, "engine")
