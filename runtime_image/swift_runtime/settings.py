"""What the invoker tells the container by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

STOCK_PORT = 8080


class SettingsError(Exception):
    """An environment variable is wrong; the text names it and what it should be."""


@dataclass(frozen=True)
class Settings:
    """Where to listen, and which RDMA device the container was given."""

    socket_path: str | None
    port: int
    """TCP port on all addresses of the container; 0: no TCP listener (host networking)."""
    rdma_device: str | None

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read ``SWIFT_SOCKET``, ``SWIFT_PORT`` and ``SWIFT_RDMA_DEVICE``."""
        text = environ.get("SWIFT_PORT", str(STOCK_PORT))
        if not text.isascii() or not text.isdecimal() or int(text) > 65535:
            raise SettingsError(f"SWIFT_PORT is {text!r}; set it to 1-65535, or 0 for no TCP.")
        socket_path = environ.get("SWIFT_SOCKET") or None
        if socket_path is None and int(text) == 0:
            raise SettingsError("SWIFT_PORT is 0 and SWIFT_SOCKET is not set; set one of them.")
        return cls(socket_path, int(text), environ.get("SWIFT_RDMA_DEVICE") or None)
