"""Whether KVM really runs our kernel here, found out by doing it and remembered.

An openable ``/dev/kvm`` is not enough: under some hypervisors (PVM) QEMU aborts on a register, or
the guest hangs in early boot.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from devstack import commands
from devstack.files import write_atomically
from devstack.machine import qemu
from devstack.machine.content_key import content_key
from devstack.machine.root_image import RootImage
from devstack.paths import Paths

_KVM = Path("/dev/kvm")
_DEADLINE_S = 15
_SIGN = "SWIFT-PROBE-OK"
Say = Callable[[str], None]


def choose_accelerator(paths: Paths, image: RootImage, say: Say) -> qemu.Accelerator:
    """``kvm`` where it boots our kernel within 15 s, else ``tcg`` (software emulation)."""
    remembered = paths.cache / "machine" / f"accelerator-{_key(image)}.json"
    if remembered.exists():
        known: dict[str, str] = json.loads(remembered.read_text())
        return "kvm" if known["accelerator"] == "kvm" else "tcg"
    failure = _kvm_failure(qemu.probe_arguments("kvm", image.kernel, image.initramfs))
    if failure is not None:
        say(f"machine: KVM does not serve here ({failure}); emulating in software (TCG)")
    chosen: qemu.Accelerator = "kvm" if failure is None else "tcg"
    write_atomically(remembered, json.dumps({"accelerator": chosen, "failure": failure}), 0o644)
    return chosen


def qemu_version() -> str:
    """QEMU's first line about itself."""
    return (commands.output_of([qemu.PROGRAM, "--version"]) or "none").splitlines()[0]


def _key(image: RootImage) -> str:
    access = str(os.access(_KVM, os.R_OK | os.W_OK))
    return content_key(platform.release(), qemu_version(), image.kernel, access)


def _kvm_failure(argv: Sequence[str]) -> str | None:
    if not _KVM.exists():
        return "there is no /dev/kvm"
    if not os.access(_KVM, os.R_OK | os.W_OK):
        return "/dev/kvm may not be opened: join the group kvm"
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the kernel did not boot within {_DEADLINE_S} s"
    said = done.stdout.decode(errors="replace").strip()
    if _SIGN in said:
        return None
    return said.splitlines()[0][:120] if said else f"QEMU ended with status {done.returncode}"
