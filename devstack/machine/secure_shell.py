"""ssh to the virtual machine: one kept connection, so that a command costs 0.1 s and not 1.5 s."""

from __future__ import annotations

import shlex
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from devstack.errors import DevstackError
from devstack.files import write_atomically

_USER = "root"
_ALIAS = "swift-machine"
_GREETING_S = 20.0
_LOST = 255  # ssh's own exit status for a connection that failed


@dataclass(frozen=True)
class SecureShell:
    """How to reach the machine: ``directory`` is private and holds what ssh needs."""

    directory: Path
    port: int
    key: Path

    @property
    def configuration(self) -> Path:
        return self.directory / "ssh_config"

    def prepare(self, host_key: str) -> None:
        """Write the configuration; ``host_key`` is the only key the machine may show."""
        known_hosts = self.directory / "known_hosts"
        write_atomically(known_hosts, f"{_ALIAS} {host_key}\n")
        lines = [
            f"Host {_ALIAS}",
            "HostName 127.0.0.1",
            f"Port {self.port}",
            f"User {_USER}",
            f"HostKeyAlias {_ALIAS}",
            f'IdentityFile "{self.key}"',
            "IdentitiesOnly yes",
            f'UserKnownHostsFile "{known_hosts}"',
            "StrictHostKeyChecking yes",
            "BatchMode yes",
            "LogLevel ERROR",
            "ConnectTimeout 10",
            "ServerAliveInterval 15",
            "ControlMaster auto",
            f'ControlPath "{self.directory}/c"',
            "ControlPersist yes",
        ]
        write_atomically(self.configuration, "\n".join(lines) + "\n")

    def answers(self) -> bool:
        """Whether an ssh server greets; raises OSError while none listens."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=_GREETING_S) as connection:
            return connection.recv(4) == b"SSH-"

    def argv(self, command: Sequence[str] = (), *, terminal: bool = False) -> list[str]:
        """ssh's command line; without ``command`` it is a login shell."""
        options = ["-t"] if terminal else []
        line = [shlex.join(command)] if command else []
        return ["ssh", "-F", str(self.configuration), *options, _ALIAS, *line]

    def run(
        self,
        command: Sequence[str],
        *,
        check: bool = True,
        stdin: IO[bytes] | None = None,
        timeout_s: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` as root. With ``check`` a failure raises, with the last line it said."""
        argv = self.argv(command)
        try:
            done = subprocess.run(
                argv,
                stdin=stdin or subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DevstackError(f"{command[0]} on the machine took over {timeout_s} s") from error
        if check and done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            where = "ssh to the machine" if done.returncode == _LOST else f"{command[0]} on it"
            raise DevstackError(f"machine: {where} failed ({done.returncode}): {said}")
        return done

    def copy_to(self, local: Path, remote: str) -> None:
        """Copy a file, or a tree as the directory ``remote``, to the machine."""
        with subprocess.Popen(_pack(local, remote), stdout=subprocess.PIPE) as pack:
            self.run(["sh", "-c", _unpack(local, remote)], stdin=pack.stdout)
        if pack.returncode != 0:
            raise DevstackError(f"machine: cannot read {local}")

    def copy_from(self, remote: str, local: Path) -> None:
        """Copy a file of the machine to ``local``."""
        local.parent.mkdir(parents=True, exist_ok=True)
        with local.open("wb") as file:
            done = subprocess.run(
                self.argv(["cat", remote]), stdout=file, stderr=subprocess.PIPE, check=False
            )
        if done.returncode != 0:
            local.unlink()
            raise DevstackError(f"machine: {remote}: {done.stderr.decode().strip()}")

    def close(self) -> None:
        """End the kept connection, if there is one."""
        if self.configuration.exists():
            argv = ["ssh", "-F", str(self.configuration), "-O", "exit", _ALIAS]
            # Its status says no more than whether there was one.
            subprocess.run(argv, capture_output=True, check=False)


def _pack(local: Path, remote: str) -> list[str]:
    if local.is_dir():
        return ["tar", "-C", str(local), "--owner=0", "--group=0", "-c", "."]
    return ["cat", str(local)]


def _unpack(local: Path, remote: str) -> str:
    target = shlex.quote(remote)
    if local.is_dir():
        return f"mkdir -p {target} && tar -C {target} -x"
    mode = oct(local.stat().st_mode & 0o777)[2:]
    return f'mkdir -p "$(dirname {target})" && cat >{target} && chmod {mode} {target}'
