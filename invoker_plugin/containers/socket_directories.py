"""A directory for each Swift container, in which its proxy makes the socket."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from pathlib import Path

from invoker_plugin.containers.settings import SOCKET_NAME
from invoker_plugin.containers.threads import Threads
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event

_log = logging.getLogger(__name__)
_TOKEN_BYTES = 8


class SocketDirectories:
    """Makes and removes them under one root, which only the owner of this process may enter."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._threads = Threads(1, "socket-directories")

    def prepare(self) -> None:
        """Make the root. Raises SystemFault."""
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._root.chmod(0o700)
        except OSError as error:
            raise SystemFault(f"socket root {self._root}: {error.strerror}") from None

    def make(self) -> str:
        """A new directory for one container. Raises SystemFault."""
        directory = self._root / secrets.token_hex(_TOKEN_BYTES)
        try:
            directory.mkdir()
            # The proxy may run as any user in its container; the root keeps the host's others out.
            directory.chmod(0o777)
        except OSError as error:
            raise SystemFault(f"socket directory {directory}: {error.strerror}") from None
        return str(directory)

    def owns(self, directory: str) -> bool:
        """True for a directory right under this root."""
        return os.path.dirname(os.path.abspath(directory)) == str(self._root)

    async def remove(self, directory: str) -> None:
        """Remove one, whatever its container left there; a failure is logged."""
        if not self.owns(directory) or not os.path.isdir(directory):
            return
        try:
            # In a thread: there is no limit to how many files a container may leave.
            await self._threads.run(lambda: shutil.rmtree(directory))
        except OSError as error:
            event(_log, logging.WARNING, "socket_directory_left", path=directory, error=str(error))


def socket_in(directory: str) -> str:
    """The socket's path on the host."""
    return os.path.join(directory, SOCKET_NAME)
