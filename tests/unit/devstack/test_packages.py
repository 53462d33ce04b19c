"""Programs that must be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack import packages
from devstack.errors import DevstackError
from devstack.packages import Program
from devstack.paths import Paths


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with nothing on its PATH, not even apt-get."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    return programs


def _put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_what_is_there_is_kept(paths: Paths, bare: Path) -> None:
    _put(bare, "tool", "echo tool v20.1.0")
    assert packages.ensure_programs(paths, [Program("tool", ("t",), lowest=18)]) == "kept: tool"


def test_a_java_like_version_is_read(bare: Path) -> None:
    _put(bare, "java", "echo 'openjdk version \"17.0.15\" 2025-04-15' >&2")
    assert packages.JAVA.version() == 17


def test_without_apt_get_one_line_names_what_is_missing(paths: Paths, bare: Path) -> None:
    with pytest.raises(DevstackError, match=r"^missing: tool-package; there is no apt-get"):
        packages.ensure_programs(paths, [Program("tool", ("tool-package",))])


def test_without_root_or_sudo_one_line_says_what_root_should_run(
    paths: Paths, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(bare, "apt-get", "exit 0")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(DevstackError, match=r"missing: t; neither root .* apt-get install t$"):
        packages.ensure_programs(paths, [Program("tool", ("t",))])


def test_what_apt_get_cannot_give_is_named(
    paths: Paths, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(bare, "apt-get", "exit 0")
    _put(bare, "env", 'shift; exec "$@"')
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(DevstackError, match="missing: tool, even after apt-get install t"):
        packages.ensure_programs(paths, [Program("tool", ("t",))])


def test_what_is_too_old_is_named_with_its_version(
    paths: Paths, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(bare, "apt-get", "exit 0")
    _put(bare, "env", 'shift; exec "$@"')
    _put(bare, "tool", "echo 12.22.9")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(DevstackError, match=r"missing: tool 18 or newer; .* gave 12"):
        packages.ensure_programs(paths, [Program("tool", ("t",), lowest=18)])


def test_missing_programs_are_installed(
    paths: Paths, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = f"printf '#!/bin/sh\\n' > {bare}/tool; /bin/chmod +x {bare}/tool"
    _put(bare, "apt-get", f'case "$*" in *"install t") {made};; esac')
    _put(bare, "env", 'shift; exec "$@"')
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert packages.ensure_programs(paths, [Program("tool", ("t",))]) == "installed: tool"
    assert "apt-get -q -y --no-install-recommends install t" in (
        (paths.logs / "apt.log").read_text()
    )
