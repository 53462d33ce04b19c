from __future__ import annotations

from pathlib import Path
from typing import Any

from devstack.machine import qemu

_KERNEL, _INITRAMFS = Path("/k/vmlinuz"), Path("/k/initramfs.gz")


def _arguments(accelerator: qemu.Accelerator = "tcg", **changes: Any) -> list[str]:
    given: dict[str, Any] = {
        "console": Path("/l/console"),
        "control": Path("/r/control.sock"),
        "ssh_port": 20022,
    }
    given.update(changes)
    hardware = qemu.Hardware(accelerator, 2, 4096)
    disks = [Path("/d/root.qcow2"), Path("/d/docker.qcow2")]
    return qemu.machine_arguments(hardware, _KERNEL, _INITRAMFS, disks, **given)


def _value(arguments: list[str], option: str) -> str:
    return arguments[arguments.index(option) + 1]


def test_emulation_gets_the_flags_that_decide_its_speed() -> None:
    arguments = _arguments("tcg")
    assert _value(arguments, "-cpu") == "max,-erms,-fsrm"
    line = _value(arguments, "-append")
    assert "norandmaps mitigations=off nokaslr" in line


def test_kvm_keeps_the_kernels_own_protections() -> None:
    arguments = _arguments("kvm")
    assert _value(arguments, "-cpu") == "host"
    assert "mitigations=off" not in _value(arguments, "-append")


def test_it_listens_on_loopback_only() -> None:
    forwards = [word for word in _arguments() if "hostfwd" in word]
    assert forwards == ["user,id=net0,hostfwd=tcp:127.0.0.1:20022-:22"]


def test_disks_come_in_the_order_of_their_names_in_the_machine() -> None:
    arguments = _arguments()
    drives = [arguments[n + 1] for n, word in enumerate(arguments) if word == "-drive"]
    assert [drive.split(",")[0] for drive in drives] == [
        "file=/d/root.qcow2",
        "file=/d/docker.qcow2",
    ]


def test_a_saved_state_changes_nothing_but_where_it_comes_from() -> None:
    plain, loaded = _arguments(), _arguments(saved_state=Path("/s/it's"))
    assert loaded[: len(plain)] == plain
    assert loaded[len(plain) :] == ["-incoming", "exec:cat '/s/it'\\''s'"]


def test_commas_in_paths_are_doubled() -> None:
    arguments = _arguments(console=Path("/l/a,b"))
    assert _value(arguments, "-serial") == "file:/l/a,,b"


def test_the_init_is_named_to_the_initramfs() -> None:
    assert f"swift.init={qemu.SMALL_INIT}" in _value(_arguments(), "-append")


def test_the_probe_has_no_disk_and_no_network() -> None:
    arguments = qemu.probe_arguments("kvm", _KERNEL, _INITRAMFS)
    assert "swift.probe" in _value(arguments, "-append")
    assert "-drive" not in arguments
    assert "-netdev" not in arguments
