"""The virtual machine's clock, set by this host's: records carry times of both.

An emulated machine reads its real-time clock to the second at boot, and loses time while the host
is busy. Wait times of activations are differences between the two clocks.
"""

from __future__ import annotations

import subprocess
import time

from devstack.errors import DevstackError
from devstack.machine.secure_shell import SecureShell

_LIMIT_S = 30.0
# The shell says that it waits before it is told the time: its own start takes a second there.
_SCRIPT = 'echo waiting; read -r now; date -s "@$now" >/dev/null && echo set'


def set_clock(shell: SecureShell) -> None:
    """Set the machine's clock to the host's, to about the time that ``date`` takes to start."""
    with subprocess.Popen(
        shell.argv(["sh", "-c", _SCRIPT]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        try:
            said, fault = process.communicate(f"{time.time():.3f}\n", timeout=_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise DevstackError("machine: its clock could not be set: no answer") from None
    if said.strip() != "set":
        raise DevstackError(f"machine: its clock could not be set: {fault.strip() or 'no reason'}")
