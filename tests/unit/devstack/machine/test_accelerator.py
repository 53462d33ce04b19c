from __future__ import annotations

from pathlib import Path

import pytest

from devstack.machine import accelerator
from devstack.machine.accelerator import choose_accelerator
from devstack.machine.root_image import RootImage
from devstack.paths import Paths


@pytest.fixture
def image(paths: Paths) -> RootImage:
    image = RootImage(paths.cache / "machine" / "root-1")
    image.directory.mkdir(parents=True)
    image.kernel.write_bytes(b"kernel")
    return image


def _kvm(directory: Path, monkeypatch: pytest.MonkeyPatch, says: str) -> Path:
    """A QEMU that says something, and the file that counts its starts."""
    count = directory / "starts"
    program = directory / "qemu-system-x86_64"
    probe = f'case "$*" in *swift.probe*) echo x >> {count};; esac'
    program.write_text(f"#!/bin/sh\n{probe}\necho '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    device = directory / "kvm"
    device.touch()
    monkeypatch.setattr(accelerator, "_KVM", device)
    return count


def test_kvm_is_taken_when_the_kernel_speaks(
    paths: Paths, image: RootImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = _kvm(tmp_path, monkeypatch, "SWIFT-PROBE-OK")
    said: list[str] = []
    assert choose_accelerator(paths, image, said.append) == "kvm"
    assert choose_accelerator(paths, image, said.append) == "kvm"
    assert count.read_text() == "x\n"
    assert said == []


def test_otherwise_it_is_emulated_and_said_once_why(
    paths: Paths, image: RootImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = _kvm(tmp_path, monkeypatch, "failed to set MSR 0x10a")
    said: list[str] = []
    assert choose_accelerator(paths, image, said.append) == "tcg"
    assert choose_accelerator(paths, image, said.append) == "tcg"
    assert count.read_text() == "x\n"
    assert said == [
        "machine: KVM does not serve here (failed to set MSR 0x10a); emulating in software (TCG)"
    ]


def test_no_device_no_probe(
    paths: Paths, image: RootImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = _kvm(tmp_path, monkeypatch, "SWIFT-PROBE-OK")
    monkeypatch.setattr(accelerator, "_KVM", tmp_path / "none")
    said: list[str] = []
    assert choose_accelerator(paths, image, said.append) == "tcg"
    assert not count.exists()
    assert "there is no /dev/kvm" in said[0]
