"""A client of QEMU's machine protocol (QMP), as far as saving and loading a machine needs it."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from devstack.errors import DevstackError

_TIMEOUT_S = 30.0
_POLL_S = 0.02


class MachineControl:
    """A connection to the control socket of one QEMU; a context manager."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_TIMEOUT_S)
        self._socket.connect(str(path))
        self._stream = self._socket.makefile("rw", encoding="utf-8")
        self._read()  # the greeting
        self.execute("qmp_capabilities")

    def __enter__(self) -> MachineControl:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        self._socket.close()

    def execute(self, command: str, **arguments: Any) -> Any:
        """Carry one command out and return its answer; raises DevstackError with QEMU's reason."""
        self._stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._stream.flush()
        while True:
            answer = self._read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise DevstackError(f"QEMU refused {command}: {answer['error'].get('desc')}")

    def monitor(self, line: str) -> str:
        """Carry a line of QEMU's human monitor out: what QMP has no command for."""
        said: str = self.execute("human-monitor-command", **{"command-line": line})
        return said.strip()

    def save(self, file: Path, deadline_s: float = 120.0) -> None:
        """Stop the machine and write its memory and devices to ``file``; it stays stopped."""
        self.execute("stop")
        # Without a limit of bandwidth: the default paces itself for a live migration.
        self.execute("migrate-set-parameters", **{"max-bandwidth": 10**12})
        quoted = str(file).replace("'", "'\\''")
        self.execute("migrate", uri=f"exec:cat > '{quoted}'")
        self.await_migration(deadline_s)

    def await_migration(self, deadline_s: float) -> None:
        """Wait until a saved state is written, or read back."""
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline:
            status = self.execute("query-migrate").get("status")
            if status == "completed":
                return
            if status in ("failed", "cancelled"):
                raise DevstackError(f"QEMU could not move the machine's state: {status}")
            time.sleep(_POLL_S)
        raise DevstackError(f"QEMU did not move the machine's state within {deadline_s:.0f} s")

    def _read(self) -> dict[str, Any]:
        line = self._stream.readline()
        if not line:
            raise DevstackError("QEMU closed its control socket")
        answer: dict[str, Any] = json.loads(line)
        return answer
