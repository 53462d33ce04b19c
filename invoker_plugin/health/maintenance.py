"""Whether the operator took this invoker out of service, kept over a restart where wanted."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from invoker_plugin.log import event

logger = logging.getLogger(__name__)


class Maintenance:
    """A file that is there while the invoker is disabled. Without one nothing is kept.

    A restart must not silently enable an invoker that was disabled for work on its host
    (OpenWhisk #3681); stock keeps nothing.
    """

    def __init__(self, path: str | None) -> None:
        self._path = Path(path) if path else None

    @property
    def on(self) -> bool:
        """Whether the file is there."""
        return self._path is not None and self._path.exists()

    def begin(self) -> None:
        """Make the file; a failure is only logged, since the invoker is disabled all the same."""
        if self._path is None:
            return
        try:
            self._path.touch(mode=0o644)
        except OSError as fault:
            self._not_kept(fault)

    def end(self) -> None:
        """Remove the file."""
        if self._path is None:
            return
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return
        except OSError as fault:
            self._not_kept(fault)

    def _not_kept(self, fault: OSError) -> None:
        event(
            logger,
            logging.ERROR,
            "maintenance-not-kept",
            file=str(self._path),
            error=fault.strerror or str(fault),
        )
