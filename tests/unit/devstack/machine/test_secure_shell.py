from __future__ import annotations

import shlex
from pathlib import Path

from devstack.machine.secure_shell import SecureShell


def _shell(directory: Path) -> SecureShell:
    return SecureShell(directory, 20022, directory / "key")


def test_only_the_machines_own_key_is_believed(tmp_path: Path) -> None:
    shell = _shell(tmp_path)
    shell.prepare("ssh-ed25519 AAAA")
    configuration = shell.configuration.read_text().splitlines()
    assert "StrictHostKeyChecking yes" in configuration
    assert "HostName 127.0.0.1" in configuration
    assert (tmp_path / "known_hosts").read_text() == "swift-machine ssh-ed25519 AAAA\n"
    assert shell.configuration.stat().st_mode & 0o077 == 0


def test_a_commands_words_survive_the_remote_shell(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo 'a b' \"$HOME\"; true"]
    assert shlex.split(_shell(tmp_path).argv(command)[-1]) == command


def test_without_a_command_it_is_a_login(tmp_path: Path) -> None:
    assert _shell(tmp_path).argv(terminal=True)[-2:] == ["-t", "swift-machine"]
