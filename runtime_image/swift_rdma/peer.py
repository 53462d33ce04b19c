"""Addresses of peers: ``HOST``, ``HOST:PORT``, ``[V6]:PORT``, each with ``/REGION`` or without."""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_PORT = 7471
REGION_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORM = re.compile(
    r"(?:\[(?P<six>[^\]/]+)\]|(?P<host>[^:/\[\]]+))(?::(?P<port>\d{1,5}))?(?P<rest>/.*)?"
)


@dataclass(frozen=True)
class Peer:
    """Where connection data is exchanged, and which region is wanted (None: one of our own)."""

    host: str
    port: int
    region: str | None

    @classmethod
    def parse(cls, text: str) -> Peer:
        """Raises ValueError with a text that says what is wrong."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no peer: write HOST:PORT or HOST:PORT/REGION")
        port = int(match["port"] or DEFAULT_PORT)
        if not 0 < port < 65536:
            raise ValueError(f"{text!r} has port {port}: 1 to 65535")
        region = match["rest"][1:] if match["rest"] else None
        if region is not None and not REGION_NAME.fullmatch(region):
            raise ValueError(f"region {region!r}: 1 to 64 of A-Z a-z 0-9 . _ -")
        return cls(match["six"] or match["host"], port, region)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" + (f"/{self.region}" if self.region else "")
