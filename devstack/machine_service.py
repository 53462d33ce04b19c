"""A background process in the RDMA machine, by the machine's own shell.

The machine may be this host or a virtual one; either way the process is known by its pid and start
time, as :mod:`devstack.process` does on the host.
"""

from __future__ import annotations

import hashlib
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devstack.errors import DevstackError
from devstack.files import write_atomically
from devstack.machine import RdmaMachine
from devstack.paths import Paths
from devstack.process import MARK

_POLL_S = 0.3


# $1 directory, $2 name, $3 fingerprint. Prints "kept" when the right process runs; else ends the
# wrong one, starts $2.sh (pushed before) and prints "started". The file descriptors of the shell
# are closed for the service, or ssh would wait for it.
_START = """
set -eu
directory=$1 name=$2 wanted=$3 file=$1/$2.pid
started() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null || echo gone; }
if [ -e "$file" ]; then
  read -r pid start made <"$file"
  if [ "$(started "$pid")" = "$start" ]; then
    if [ "$made" = "$wanted" ]; then echo kept; exit 0; fi
    kill "$pid" || true
    while [ "$(started "$pid")" = "$start" ]; do sleep 0.1; done
  fi
fi
setsid sh "$directory/$name.sh" >>"$directory/$name.log" 2>&1 </dev/null &
echo "$! $(started $!) $wanted" >"$file"
echo started
"""
# $1 pid file, $2 most seconds to wait before SIGKILL. Prints "stopped" or "down".
_STOP = """
set -eu
file=$1 left=$(($2 * 10))
started() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null || echo gone; }
state() { cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null || echo gone; }
[ -e "$file" ] || { echo down; exit 0; }
read -r pid start made <"$file"
runs() { [ "$(started "$pid")" = "$start" ] && [ "$(state "$pid")" != Z ]; }
runs || { rm -f "$file"; echo down; exit 0; }
# It may end by itself between the look and the signal.
kill -TERM "$pid" || ! runs
while runs && [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
if runs; then kill -KILL "-$pid" || ! runs; fi
while runs; do sleep 0.1; done
rm -f "$file"
echo stopped
"""
# $1 pid file. Prints the pid of the process that runs.
_PID = """
[ -e "$1" ] || exit 0
read -r pid start made <"$1"
[ "$(cut -d' ' -f22 "/proc/$pid/stat" 2>/dev/null)" = "$start" ] && echo "$pid"
exit 0
"""


@dataclass(frozen=True)
class MachineService:
    """The service ``name`` in ``machine``: ``argv`` with exactly ``environment``.

    ``configuration`` is what else it depends on: another one replaces the process.
    """

    machine: RdmaMachine
    paths: Paths
    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    configuration: str = ""
    stop_s: int = 30

    @property
    def directory(self) -> str:
        """Where its files are in the machine."""
        return str(self.paths.run) if self.machine.kind != "vm" else "/run/swift-devstack"

    @property
    def log(self) -> str:
        """Its log in the machine."""
        return f"{self.directory}/{self.name}.log"

    def start(self) -> bool:
        """Start it unless it runs as it should; False when it did."""
        script = self._script()
        fingerprint = hashlib.sha256((script + self.configuration).encode()).hexdigest()
        local = self.paths.run / f"{self.name}.sh"
        write_atomically(local, script)
        if self.machine.kind == "vm":
            self.machine.push(local, f"{self.directory}/{self.name}.sh")
        return self._shell(_START, self.directory, self.name, fingerprint) == "started"

    def stop(self) -> bool:
        """Stop it; False when it did not run."""
        return self._shell(_STOP, self._pid_file, str(self.stop_s)) == "stopped"

    def pid(self) -> int | None:
        """Its pid in the machine, when it runs."""
        said = self._shell(_PID, self._pid_file)
        return int(said) if said else None

    def await_line(self, words: str, limit_s: float) -> None:
        """Wait until its log has ``words``; raise when it ended or ``limit_s`` have passed."""
        deadline = time.monotonic() + limit_s
        while words not in self.tail(200):
            if self.pid() is None:
                raise DevstackError(f"{self.name} ended while starting: {self.last_line()}")
            if time.monotonic() > deadline:
                raise DevstackError(f"{self.name} was not ready within {limit_s:.0f} s")
            time.sleep(_POLL_S)

    def tail(self, lines: int) -> str:
        """The end of its log."""
        done = self.machine.run(["tail", "-n", str(lines), self.log], check=False)
        return done.stdout

    def last_line(self) -> str:
        """The last line of its log, for an error's text."""
        return (self.tail(5).strip().splitlines() or ["it said nothing"])[-1]

    @property
    def _pid_file(self) -> str:
        return f"{self.directory}/{self.name}.pid"

    def _script(self) -> str:
        variables = {**self.environment, MARK: str(self.paths.home)}
        exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        return "\n".join([*exports, f"exec {shlex.join(self.argv)}", ""])

    def _shell(self, script: str, *arguments: str) -> str:
        return self.machine.run(["sh", "-c", script, "sh", *arguments]).stdout.strip()
