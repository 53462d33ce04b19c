"""TCP ports on loopback that stay the same from run to run as long as nobody else takes them."""

from __future__ import annotations

import json
import random
import socket

from devstack.files import write_atomically
from devstack.paths import Paths

# Below the kernel's default range for outgoing connections, which would take a port while the
# service that owns it is down.
_LOWEST, _HIGHEST = 20000, 31999


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a service could listen on ``port`` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def is_open(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections on ``port`` now."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


class Ports:
    """The ports by name, remembered in ``run/ports.json``."""

    def __init__(self, paths: Paths) -> None:
        self._file = paths.run / "ports.json"

    def get(self, name: str) -> int:
        """The port called ``name``; a free one is chosen the first time."""
        known = self._read()
        if name not in known:
            known[name] = self._choose(set(known.values()))
            write_atomically(self._file, json.dumps(known, indent=1))
        return known[name]

    def settle(self, name: str) -> int:
        """The port called ``name`` for a service about to start: another when it was taken."""
        known = self._read()
        if name in known and not is_free(known[name]):
            del known[name]
            write_atomically(self._file, json.dumps(known, indent=1))
        return self.get(name)

    def _read(self) -> dict[str, int]:
        if not self._file.exists():
            return {}
        known: dict[str, int] = json.loads(self._file.read_text())
        return known

    @staticmethod
    def _choose(taken: set[int]) -> int:
        while True:
            port = random.randint(_LOWEST, _HIGHEST)
            if port not in taken and is_free(port):
                return port
