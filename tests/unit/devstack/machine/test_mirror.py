from __future__ import annotations

from pathlib import Path

import pytest

from devstack.errors import DevstackError
from devstack.machine.mirror import find_mirror


def _host(root: Path, identity: str, codename: str) -> Path:
    apt = root / "etc" / "apt" / "sources.list.d"
    apt.mkdir(parents=True)
    release = f'NAME="x"\nID={identity}\nVERSION_CODENAME={codename}\n'
    (root / "etc" / "os-release").write_text(release)
    return apt


def test_debians_stanzas(tmp_path: Path) -> None:
    apt = _host(tmp_path, "debian", "bookworm")
    (apt / "debian.sources").write_text(
        "Types: deb\n# http://commented.example/x\nURIs: http://mirror.example/debian\n"
        "Suites: bookworm bookworm-updates\nComponents: main\n\n"
        "Types: deb\nURIs: http://mirror.example/security\nSuites: bookworm-security\n"
        "Components: main\n"
    )
    mirror = find_mirror(tmp_path)
    assert (mirror.address, mirror.suite) == ("http://mirror.example/debian", "bookworm")
    assert "linux-image-amd64" in mirror.distribution.packages


def test_ubuntus_lines_and_other_peoples_sources(tmp_path: Path) -> None:
    apt = _host(tmp_path, "ubuntu", "jammy")
    (apt / "aaa.list").write_text(
        "deb [arch=amd64 signed-by=/k] https://tools.example jammy main\n"
    )
    (apt.parent / "sources.list").write_text(
        "# deb http://off.example/ubuntu jammy main\n"
        "deb-src http://src.example/ubuntu jammy main\n"
        "deb http://mirror.example/ubuntu jammy main restricted # the one\n"
    )
    mirror = find_mirror(tmp_path)
    assert (mirror.address, mirror.suite) == ("http://mirror.example/ubuntu", "jammy")
    assert mirror.distribution.components == "main,universe"


def test_sources_without_a_mirror_get_one_line(tmp_path: Path) -> None:
    _host(tmp_path, "debian", "bookworm")
    with pytest.raises(DevstackError, match="apt's sources name no mirror for debian bookworm"):
        find_mirror(tmp_path)


def test_another_distribution_gets_one_line(tmp_path: Path) -> None:
    _host(tmp_path, "alpine", "")
    with pytest.raises(DevstackError, match="this host is 'alpine'"):
        find_mirror(tmp_path)
