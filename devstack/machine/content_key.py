"""Names for built things that change when, and only when, what they are built from changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

_LENGTH = 16


def content_key(*inputs: str | Path | Sequence[str]) -> str:
    """A short hash over ``inputs``: texts, lists of texts, and files or whole trees by content."""
    digest = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            _add(digest, "text", item.encode())
        elif isinstance(item, Path):
            _add_path(digest, item)
        else:
            _add(digest, "list", "\0".join(item).encode())
    return digest.hexdigest()[:_LENGTH]


def _add_path(digest: hashlib._Hash, path: Path) -> None:
    if not path.is_dir():
        _add(digest, "file", path.read_bytes())
        return
    for entry in sorted(path.rglob("*")):
        _add(digest, "name", os.fsencode(entry.relative_to(path)))
        if entry.is_symlink():
            _add(digest, "link", os.fsencode(os.readlink(entry)))
        elif not entry.is_dir():
            _add(digest, "script" if os.access(entry, os.X_OK) else "data", entry.read_bytes())


def _add(digest: hashlib._Hash, kind: str, content: bytes) -> None:
    # The length in front keeps neighbouring inputs from running into each other.
    digest.update(f"{kind} {len(content)}\n".encode() + content)
