"""A way to the store that can be made to fail: between the invoker and the real one."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

_ERROR = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
    b"Content-Length: 34\r\nConnection: close\r\n\r\n"
    b'{"error":"busy","reason":"later"}\n'
)


class UnwellStore:
    """Passes connections on to ``port``, or answers with errors, or not at all."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._mode = "well"
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.failed = 0
        threading.Thread(target=self._accept, name="unwell-store", daemon=True).start()

    def become(self, mode: str) -> None:
        """``well``, ``errors`` (every request is answered 503), ``silent`` (none is answered)."""
        self._mode = mode
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Accept no more."""
        self._listener.close()
        self.become("closed")

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            if self._mode == "well":
                self._pass_on(client)
            else:
                while client.recv(65_536):
                    self.failed += 1
                    if self._mode == "errors":
                        client.sendall(_ERROR)
                        break
        self._open.discard(client)

    def _pass_on(self, client: socket.socket) -> None:
        with socket.create_connection(self._target) as server:
            self._open.add(server)
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()
        self._open.discard(server)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
