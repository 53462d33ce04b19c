"""The seal on the ``.driver`` files: they and their directory get it, nothing else changes."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

PATCHES = Path(__file__).resolve().parents[3] / "patches" / "rdma-core"
sys.path.insert(0, str(PATCHES))
import seal  # noqa: E402  # a script's neighbour, not a package

DIRECTORY = "./etc/libibverbs.d"
SEALED = [DIRECTORY, f"{DIRECTORY}/rxe.driver"]
OTHERS = ["./etc/libibverbs.d.old", "./usr/lib/libibverbs.so.1"]


def archive(path: Path) -> Path:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name in [*SEALED, *OTHERS]:
            member = tarfile.TarInfo(name)
            data = b""
            if name == DIRECTORY:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            else:
                data = f"content of {name}".encode()
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def content(tar: tarfile.TarFile, name: str) -> str:
    file = tar.extractfile(name)
    assert file is not None
    return file.read().decode()


def test_the_driver_files_and_their_directory_get_the_seal(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar")
    seal.seal(path)
    with tarfile.open(path) as tar:
        times = {member.name: member.mtime for member in tar}
        contents = {name: content(tar, name) for name in times if name != DIRECTORY}
    assert times == dict.fromkeys(SEALED, seal.SECONDS) | dict.fromkeys(OTHERS, 0)
    assert contents == {name: f"content of {name}" for name in contents}


def test_tar_itself_accepts_the_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar")
    seal.seal(path)
    subprocess.run(["tar", "--extract", "--file", str(path)], cwd=tmp_path, check=True)
    assert [int((tmp_path / name).stat().st_mtime) for name in SEALED] == [seal.SECONDS] * 2
