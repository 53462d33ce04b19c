"""Checks of the place where records wait for the store: it can be written, and has room."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from invoker_plugin.cli.check_report import Finding
from invoker_plugin.config.settings import Settings

_NAME = "spool"
_MIB = 1024 * 1024


def check(settings: Settings) -> list[Finding]:
    """One finding; nothing is made, and a running invoker's files are left alone."""
    store = settings.store
    if not store.spool_directory:
        seen = "store.spool_directory is empty: records that wait for the store are in memory only"
        return [Finding(_NAME, "warn", seen, "set it, or a crash of the invoker may lose records")]
    wanted = Path(store.spool_directory) / settings.topic
    place = next(path for path in (wanted, *wanted.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        remedy = "give store.spool_directory a directory that this user may write"
        return [Finding(_NAME, "fail", f"{wanted}: {place} cannot be written", remedy)]
    free = shutil.disk_usage(place).free
    seen = f"{wanted}: {free // _MIB} MB free, {store.spool_bytes // _MIB} MB may be used"
    if free < store.spool_bytes:
        return [Finding(_NAME, "warn", seen, "make room, or lower store.spool_bytes")]
    return [Finding(_NAME, "ok", seen)]
