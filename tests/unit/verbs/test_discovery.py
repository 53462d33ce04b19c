"""What the machine tells, put together."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest

from invoker_plugin.verbs import discovery
from invoker_plugin.verbs.discovery import Machine, NoDevices
from invoker_plugin.verbs.layout import CacheFault
from invoker_plugin.verbs.netlink import CharacterDevice, Link
from tests.unit.verbs.caches import BOOT_ID


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "class" / "infiniband_verbs").mkdir(parents=True)
    (tmp_path / "class" / "infiniband").mkdir()
    (tmp_path / "class" / "infiniband_verbs" / "abi_version").write_text("6\n")
    (tmp_path / "dev").mkdir()
    (tmp_path / "boot_id").write_text(BOOT_ID + "\n")
    return Machine(tmp_path / "class", tmp_path / "dev", tmp_path / "boot_id")


def plug(machine: Machine, number: int, *, file: bool = True) -> tuple[Link, CharacterDevice]:
    name = f"uverbs{number}"
    target = machine.sysfs / f"target{number}"
    target.mkdir()
    (target / "ibdev").write_text(f"rxe{number}\n")
    (machine.sysfs / "infiniband_verbs" / name).symlink_to(target)
    (machine.sysfs / "infiniband" / f"rxe{number}").symlink_to(target)
    if file:
        (machine.devices / name).touch()
    link = Link(number, f"rxe{number}", 1, 77 + number, 1)
    return link, CharacterDevice(name, 231, 192 + number, 2, 14)


def told(monkeypatch: pytest.MonkeyPatch, *pairs: tuple[Link, CharacterDevice | None]) -> None:
    monkeypatch.setattr(discovery, "ask_kernel", lambda: list(pairs))


def test_the_kernels_order_and_the_links_inodes(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = plug(machine, 1), plug(machine, 0)
    told(monkeypatch, first, second)
    cache = machine.read()
    assert cache.boot_id == BOOT_ID
    assert [device.ibdev_name for device in cache.devices] == ["rxe1", "rxe0"]
    link = machine.sysfs / "infiniband_verbs" / "uverbs1"
    assert cache.devices[0].class_inode == link.lstat().st_ino
    named = machine.sysfs / "infiniband" / "rxe1"
    assert cache.devices[0].name_inode == named.lstat().st_ino
    assert cache.devices[0].cdev_minor == 193


def test_the_class_directorys_time(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """None where the kernel can't be made to keep it, and nobody had it do so before."""
    told(monkeypatch, plug(machine, 0))
    directory = machine.sysfs / "infiniband_verbs"
    time_ns = directory.stat().st_mtime_ns

    def refuse(path: Path, mode: int) -> None:
        raise OSError(errno.EROFS, "read-only file system")

    with monkeypatch.context() as read_only:
        read_only.setattr(Path, "chmod", refuse)
        machine.mark()
    assert machine.read().class_mtime == 0
    assert not directory.stat().st_mode & stat.S_ISVTX, "reading marks nothing"
    machine.mark()
    assert machine.read().class_mtime == time_ns
    monkeypatch.setattr(Path, "chmod", refuse)
    machine.mark()
    assert machine.read().class_mtime == time_ns, "it is marked"


def test_no_device(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch)
    with pytest.raises(NoDevices, match="no RDMA device"):
        machine.read()
    with pytest.raises(NoDevices):
        Machine(machine.sysfs / "nothing", machine.devices, machine.boot_id).read()


def test_a_device_without_its_file_makes_no_cache(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader takes a link that it does not know for a device that was added."""
    told(monkeypatch, plug(machine, 0), plug(machine, 1, file=False))
    with pytest.raises(CacheFault, match="uverbs1"):
        machine.read()


def test_a_device_without_uverbs_is_not_listed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(monkeypatch, plug(machine, 0), (Link(5, "switch", 8, 1, 2), None))
    assert [device.ibdev_name for device in machine.read().devices] == ["rxe0"]


def test_a_device_that_is_renamed_meanwhile_or_another_namespaces(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(monkeypatch, plug(machine, 0))
    (machine.sysfs / "target0" / "ibdev").write_text("other\n")
    with pytest.raises(CacheFault, match="renamed other meanwhile"):
        machine.read()
    (machine.sysfs / "infiniband" / "rxe0").unlink()
    with pytest.raises(CacheFault, match="not of this namespace"):
        machine.read()


def test_a_device_that_goes_meanwhile(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = plug(machine, 1)
    (machine.sysfs / "infiniband_verbs" / "uverbs1").unlink()
    told(monkeypatch, plug(machine, 0), gone)
    with pytest.raises(CacheFault, match="went away"):
        machine.read()
