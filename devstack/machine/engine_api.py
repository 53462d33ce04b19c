"""As much of Docker Engine's HTTP API as the devstack needs, without packages: ``down`` must work
with the system's Python alone."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from devstack.errors import DevstackError

_TIMEOUT_S = 300.0
_PING_S = 5.0
_CHUNK = 2**20


class EngineApi:
    """The engine at ``url``, as DOCKER_HOST names it: ``unix://`` or ``tcp://`` without TLS."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        if self._url.scheme not in ("unix", "tcp"):
            raise DevstackError(f"DOCKER_HOST={url}: must start with unix:// or tcp://")

    def answers(self) -> bool:
        """Whether it is there and ready."""
        connection = self._connection(_PING_S)
        try:
            connection.request("GET", "/_ping")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def image_id(self, tag: str) -> str:
        """The id (a hash of the content) of the image called ``tag``."""
        found: dict[str, Any] = json.loads(self._request("GET", f"/images/{quote(tag)}/json"))
        return str(found["Id"])

    def save_image(self, tag: str, identity: str, archive: Path) -> None:
        """Write the image to ``archive`` as ``docker save`` does; it must still be ``identity``."""
        if self.image_id(tag) != identity:
            raise DevstackError(f"image {tag!r} changed meanwhile: run the same command again")
        unfinished = archive.with_name(f"{archive.name}.part")
        connection = self._connection(_TIMEOUT_S)
        try:
            with unfinished.open("wb") as file:
                response = self._send(connection, "GET", f"/images/{quote(tag)}/get")
                shutil.copyfileobj(response, file, _CHUNK)
            os.replace(unfinished, archive)
        finally:
            connection.close()
            unfinished.unlink(missing_ok=True)

    def kill_containers(self) -> None:
        """Kill every container that runs."""
        for container in json.loads(self._request("GET", "/containers/json")):
            # 404 and 409: it ended meanwhile, which is what we want.
            self._request("POST", f"/containers/{container['Id']}/kill", allowed=(404, 409))

    def _request(self, method: str, path: str, allowed: tuple[int, ...] = ()) -> bytes:
        connection = self._connection(_TIMEOUT_S)
        try:
            return self._send(connection, method, path, allowed).read()
        finally:
            connection.close()

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        allowed: tuple[int, ...] = (),
    ) -> http.client.HTTPResponse:
        where = self._url.geturl()
        try:
            connection.request(method, path)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise DevstackError(f"Docker Engine at {where} does not answer: {error}") from error
        if response.status >= 400 and response.status not in allowed:
            reason = json.loads(response.read() or b"{}").get("message", response.reason)
            raise DevstackError(f"Docker Engine at {where}: {reason}")
        return response

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._url.scheme == "unix":
            return _UnixConnection(self._url.path, timeout_s)
        return http.client.HTTPConnection(
            self._url.hostname or "localhost", self._url.port or 2375, timeout=timeout_s
        )


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
