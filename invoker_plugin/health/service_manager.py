"""Tells a service manager how the invoker stands: systemd's notify protocol (``sd_notify(3)``).

A datagram of ``KEY=value`` lines to the Unix socket that ``NOTIFY_SOCKET`` names. Without that
variable nothing is told, and nothing else changes.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from invoker_plugin.log import event

logger = logging.getLogger(__name__)

MICROSECONDS = 1_000_000


class ServiceManager:
    """One notify socket. Never raises, never blocks: the invoker goes on without its manager."""

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s
        """Time without a sign of life after which the manager restarts us; ``None``: never."""
        self._unreachable = False

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ServiceManager:
        """The manager that this process's environment names."""
        address = environment.get("NOTIFY_SOCKET") or None
        if address is None or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            return cls(address)
        period = environment.get("WATCHDOG_USEC", "")
        return cls(address, int(period) / MICROSECONDS if period.isdigit() else None)

    def ready(self, status: str) -> None:
        """It consumes: what was ordered after it may start."""
        self._tell("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """One line for ``systemctl status``."""
        self._tell(f"STATUS={status}")

    def alive(self) -> None:
        """A sign of life, owed at least every :attr:`watchdog_s`."""
        if self.watchdog_s is not None:
            self._tell("WATCHDOG=1")

    def stopping(self, status: str, limit_s: float) -> None:
        """It ends, and may take ``limit_s`` for it, whatever ``TimeoutStopSec`` says."""
        extended = f"EXTEND_TIMEOUT_USEC={int(limit_s * MICROSECONDS)}"
        self._tell("STOPPING=1", f"STATUS={status}", extended)

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        # A name in the abstract namespace is written with @ for its leading zero byte.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.setblocking(False)
                notify.sendto("\n".join(lines).encode(), address)
        except OSError as fault:
            if not self._unreachable:
                event(
                    logger,
                    logging.WARNING,
                    "service-manager-unreachable",
                    socket=self._address,
                    error=fault.strerror or str(fault),
                )
            self._unreachable = True
        else:
            self._unreachable = False
