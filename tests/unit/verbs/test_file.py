"""The cache as a file: how it is put there, and what is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from invoker_plugin.verbs import file
from invoker_plugin.verbs.layout import CacheFault, pack
from tests.unit.verbs.caches import cache, device


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests is whom readers trust."""
    monkeypatch.setattr(file, "_OWNER", os.geteuid())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "verbs" / "devices"


def test_written_and_read(path: Path) -> None:
    file.write(path, cache())
    facts = path.stat()
    in_memory = (facts.st_dev, facts.st_ino)
    assert path.read_bytes() in (pack(cache()), pack(cache(), in_memory))
    assert file.read(path) == cache()


def test_readable_by_all_whatever_the_umask(path: Path) -> None:
    before = os.umask(0o077)
    try:
        file.write(path, cache())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o755


def test_replaced_at_once_and_nothing_left_beside_it(path: Path) -> None:
    file.write(path, cache())
    with path.open("rb") as old:
        before = path.read_bytes()
        file.write(path, cache(device(), device(1)))
        assert old.read() == before
    assert len(file.read(path).devices) == 2
    assert os.listdir(path.parent) == ["devices"]


def test_what_an_interrupted_writer_left_is_no_obstacle(path: Path) -> None:
    path.parent.mkdir()
    path.with_name(f"devices.{os.getpid()}").write_text("half")
    file.write(path, cache())
    assert os.listdir(path.parent) == ["devices"]


def test_only_root_writes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "_OWNER", os.geteuid() + 1)
    with pytest.raises(CacheFault, match="only root"):
        file.write(path, cache())
    assert not path.exists()


def test_a_directory_that_others_can_write_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with pytest.raises(CacheFault, match="chmod 755"):
        file.write(path, cache())


def test_a_path_that_can_not_be_is_one_line(path: Path) -> None:
    path.parent.write_text("a file")
    with pytest.raises(CacheFault, match="name a directory") as caught:
        file.write(path, cache())
    assert "\n" not in str(caught.value)


def test_hostile_files_are_refused(path: Path, tmp_path: Path) -> None:
    file.write(path, cache())
    good = path.rename(tmp_path / "good")

    def reason() -> str:
        with pytest.raises(CacheFault) as caught:
            file.read(path)
        path.unlink() if not path.is_dir() else path.rmdir()
        return str(caught.value)

    os.mkfifo(path)
    assert reason() == "not a regular file"
    path.mkdir()
    assert reason() == "not a regular file"
    path.symlink_to(good)
    assert reason().startswith("can't be opened")
    path.write_bytes(good.read_bytes())
    path.chmod(0o664)
    assert reason() == "writable by others than its owner"
    path.write_bytes(bytes(100_000))
    assert reason().startswith("longer than any cache")
    path.write_bytes(b"")
    assert reason() == "file is shorter than its header"


def test_its_own_place_is_in_it_on_a_tmpfs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy, or one of another boot, is then found out by its place."""
    device_number = tmp_path.stat().st_dev
    number = f"{os.major(device_number)}:{os.minor(device_number)}"
    for system, wanted in (("tmpfs", True), ("ext4", False)):
        mounts = tmp_path / "mountinfo"
        mounts.write_text(f"22 1 {number} / /x rw shared:1 - {system} none rw\n")
        monkeypatch.setattr(file, "_MOUNTS", mounts)
        file.write(path, cache())
        place = (device_number, path.stat().st_ino) if wanted else (0, 0)
        assert path.read_bytes() == pack(cache(), place)
        assert file.read(path) == cache()


def test_another_owner_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write(path, cache())
    monkeypatch.setattr(file, "_OWNER", os.geteuid() + 1)
    with pytest.raises(CacheFault, match="not owned by root"):
        file.read(path)


def test_removed_once(path: Path) -> None:
    file.write(path, cache())
    assert [file.remove(path), file.remove(path)] == [True, False]


def test_differences_are_told_in_words() -> None:
    one, two = device(), device(1)
    renamed = replace(one, ibdev_name="mlx5_0")
    assert file.difference(cache(one), cache(one)) is None
    assert file.difference(cache(one), cache(one, two)) == "device rxe1 was added"
    assert file.difference(cache(one, two), cache(one)) == "device rxe1 was removed"
    again = replace(one, class_inode=5, ibdev_index=9)
    assert file.difference(cache(one), cache(again)) == "device rxe0 was removed and added again"
    assert file.difference(cache(one), cache(renamed)) == "device rxe0 was renamed mlx5_0"
    elsewhere = replace(one, name_inode=99)
    assert file.difference(cache(one), cache(elsewhere)) is None, "another network namespace"
    untold = replace(cache(one), class_mtime=5)
    assert file.difference(untold, cache(one)) is None, "sysfs is read-only here"
    other_boot = replace(cache(one), boot_id="0" * 36)
    assert "booted" in str(file.difference(other_boot, cache(one)))
    assert file.difference(cache(one, two), cache(two, one)) is not None
