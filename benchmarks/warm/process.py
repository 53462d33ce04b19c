"""The invoker's process as the load generator sees it: started, measured by /proc, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
_END_S = 30.0


class InvokerProcess:
    """One invoker; its log goes to a file, as it would in production."""

    def __init__(self, arguments: list[str], log: Path, environment: dict[str, str]) -> None:
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "invoker_process.py"), *arguments],
            stderr=self._log,
            env={**os.environ, **environment},
        )

    @property
    def ended(self) -> bool:
        """Whether it is no more."""
        return self._process.poll() is not None

    def cpu_s(self) -> float:
        """User and system time that its threads have used, by the scheduler's own count (ns)."""
        used_ns = 0
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            try:
                used_ns += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue  # a thread that has just ended
        return used_ns / 1e9

    def memory_mb(self) -> dict[str, float]:
        """Resident memory, now and at most."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
        return {
            "now": round(int(found["VmRSS"]) / 1024, 1),
            "most": round(int(found["VmHWM"]) / 1024, 1),
        }

    def end(self) -> None:
        """SIGTERM, and SIGKILL when that takes too long."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
