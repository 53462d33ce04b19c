"""What an overlay did, kept in the checkout so that it can be undone byte for byte."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from swift_overlay.errors import OverlayError

FOLDER = "ansible/.swift-overlay"


@dataclass
class Record:
    """``added``: files of ours, with the digests of what we wrote. ``manifest``: where it is."""

    kind: str
    manifest: str
    manifest_digest: str = ""
    """Of the manifest as we left it; another one means that it was edited since."""
    added: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    """Folders that were not there before, outermost first."""

    @classmethod
    def load(cls, root: Path) -> Record | None:
        """The record in the checkout at ``root``; None where nothing is applied."""
        file = root / FOLDER / "record.json"
        if not file.exists():
            return None
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise OverlayError(
                f"{file} is damaged ({error}): take our files out by hand (README) and delete it"
            ) from None

    def save(self, root: Path) -> None:
        """Write it, whole or not at all."""
        write(root / FOLDER / "record.json", json.dumps(asdict(self), indent=2).encode() + b"\n")


def backup(root: Path) -> Path:
    """Where the manifest as it was is kept."""
    return root / FOLDER / "manifest.before"


def digest(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write(file: Path, content: bytes) -> None:
    """Replace ``file`` by rename, keeping its mode."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    partial.write_bytes(content)
    if file.exists():
        partial.chmod(file.stat().st_mode & 0o7777)
    partial.replace(file)
