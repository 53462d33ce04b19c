"""QEMU's command line for the virtual machine; pure, no side effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PROGRAM = "qemu-system-x86_64"
Accelerator = Literal["kvm", "tcg"]

# ASLR makes TCG translate library code anew for each process (28 ms instead of 6 ms from exec to
# main); mitigations only cost; ERMS makes zeroing a page cost 20 us under TCG.
_TCG_KERNEL_FLAGS = ("norandmaps", "mitigations=off", "nokaslr")
_TCG_PROCESSOR = "max,-erms,-fsrm"
SMALL_INIT = "/usr/local/lib/swift/init"
SYSTEMD_INIT = "/usr/lib/systemd/systemd"
# What QEMU's user-mode network gives: the host's loopback as seen by the guest, the guest itself.
HOST_ADDRESS = "10.0.2.2"


@dataclass(frozen=True)
class Hardware:
    """What the machine is made of; a saved state only fits the same hardware again."""

    accelerator: Accelerator
    processors: int
    memory_mb: int
    init: str = SMALL_INIT


def probe_arguments(accelerator: Accelerator, kernel: Path, initramfs: Path) -> list[str]:
    """A machine without disks that says SWIFT-PROBE-OK on its console and powers itself off."""
    return [
        *_processor_arguments(accelerator),
        *("-m", "512", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"),
        *_kernel_arguments(accelerator, kernel, initramfs, ["swift.probe"]),
    ]


def machine_arguments(
    hardware: Hardware,
    kernel: Path,
    initramfs: Path,
    disks: Sequence[Path],
    *,
    console: Path,
    control: Path,
    ssh_port: int,
    saved_state: Path | None = None,
) -> list[str]:
    """The whole machine. ``disks`` are qcow2 files in the order vda, vdb; ``control`` is the QMP
    socket; with ``saved_state`` it starts paused from what was saved there."""
    arguments = [
        *_processor_arguments(hardware.accelerator),
        *("-smp", str(hardware.processors), "-m", str(hardware.memory_mb)),
        *("-display", "none", "-monitor", "none", "-no-reboot"),
        *("-serial", f"file:{_escaped(console)}"),
        *("-qmp", f"unix:{_escaped(control)},server=on,wait=off"),
        *_kernel_arguments(
            hardware.accelerator, kernel, initramfs, [f"swift.init={hardware.init}"]
        ),
    ]
    for number, disk in enumerate(disks):
        # Every start has fresh overlays, so nothing on them must outlive a crash of the host.
        drive = f"file={_escaped(disk)},format=qcow2,if=none,id=disk{number},cache=unsafe"
        arguments += ["-drive", drive, "-device", f"virtio-blk-pci,drive=disk{number}"]
    arguments += [
        *("-netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{ssh_port}-:22"),
        *("-device", "virtio-net-pci,netdev=net0,romfile="),
        *("-device", "virtio-rng-pci"),
        # Tells the guest's kernel that it was started again from a saved state, so that two starts
        # do not share random numbers.
        *("-device", "vmgenid,guid=auto"),
    ]
    if saved_state is not None:
        arguments += ["-incoming", f"exec:cat {_quoted(saved_state)}"]
    return arguments


def _processor_arguments(accelerator: Accelerator) -> list[str]:
    if accelerator == "kvm":
        return [PROGRAM, "-accel", "kvm", "-cpu", "host"]
    return [PROGRAM, "-accel", "tcg,thread=multi", "-cpu", _TCG_PROCESSOR]


def _kernel_arguments(
    accelerator: Accelerator, kernel: Path, initramfs: Path, words: Sequence[str]
) -> list[str]:
    flags = _TCG_KERNEL_FLAGS if accelerator == "tcg" else ()
    line = " ".join(["console=ttyS0", "quiet", "panic=-1", *flags, *words])
    return ["-kernel", str(kernel), "-initrd", str(initramfs), "-append", line]


def _escaped(path: Path) -> str:
    return str(path).replace(",", ",,")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"
