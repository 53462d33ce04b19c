"""As much of the Docker Engine API as containers of the runtime need, by the standard library.

The invoker uses the API as well: ``docker run`` would add its own start to every figure.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

_TIMEOUT_S = 120.0


def request(
    socket_path: str, method: str, path: str, body: bytes | None = None
) -> tuple[int, dict[str, str], bytes]:
    """One HTTP request over a Unix socket: status, headers by lower-case name, body."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(_TIMEOUT_S)
    connection.sock.connect(socket_path)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return response.status, named, response.read()
    finally:
        connection.close()


class Engine:
    """A Docker Engine at a Unix socket."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path

    def create(self, name: str, config: dict[str, Any]) -> None:
        """Create a container; raises RuntimeError with Docker's own words."""
        self._call("POST", f"/containers/create?name={name}", config)

    def start(self, name: str) -> None:
        """Start a created container."""
        self._call("POST", f"/containers/{name}/start")

    def remove(self, name: str) -> None:
        """Kill and remove a container."""
        self._call("DELETE", f"/containers/{name}?force=true&v=true")

    def pid(self, name: str) -> int:
        """Process 1 of a running container, as this machine numbers it."""
        found = json.loads(self._call("GET", f"/containers/{name}/json"))
        return int(found["State"]["Pid"])

    def logs(self, name: str) -> str:
        """What a container wrote, with Docker's frame heads left in."""
        answer = self._call("GET", f"/containers/{name}/logs?stdout=1&stderr=1&tail=20")
        return answer.decode(errors="replace")

    def _call(self, method: str, path: str, content: object = None) -> bytes:
        body = None if content is None else json.dumps(content).encode()
        status, _, answer = request(self._socket_path, method, path, body)
        if status >= 400:
            raise RuntimeError(f"Docker: {method} {path}: {status} {answer.decode()}")
        return answer
