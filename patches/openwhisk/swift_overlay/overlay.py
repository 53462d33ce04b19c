"""Apply, remove, tell. Each can be run again, also after it was interrupted."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swift_overlay import manifest as manifests
from swift_overlay import parts
from swift_overlay.checkout import MANIFEST, VARIABLES, Checkout, balancer_chosen_elsewhere
from swift_overlay.errors import OverlayError
from swift_overlay.manifest import Kind
from swift_overlay.record import FOLDER, Record, backup, digest, write


@dataclass(frozen=True)
class Wanted:
    """What to apply. ``manifest`` is relative to the checkout."""

    kind: Kind = field(default_factory=Kind)
    balancer: bool = True
    manifest: str = MANIFEST


@dataclass(frozen=True)
class Change:
    """One file: ``add``, ``replace``, ``edit``, ``delete`` or ``restore``."""

    verb: str
    name: str

    def __str__(self) -> str:
        return f"{self.verb} {self.name}"


def apply(checkout: Checkout, wanted: Wanted, pretend: bool = False) -> list[Change]:
    """Bring the checkout to ``wanted``; what changed (or would)."""
    root = checkout.root
    record = Record.load(root)
    if record is not None and (record.kind, record.manifest) != _identity(wanted):
        raise OverlayError(
            f"{record.kind} is applied, to {record.manifest}: remove it before applying another"
        )
    files = parts.files(checkout, wanted.balancer)
    _refuse_foreign(root, files, record, wanted.balancer)
    old = _read_manifest(root, wanted.manifest)
    parsed = _parse(old, wanted.manifest)
    if record is None and manifests.entry_of(parsed, wanted.kind.name) is not None:
        raise OverlayError(
            f"{wanted.manifest} has a kind {wanted.kind.name} that is not ours: take it out"
        )
    new = manifests.merged(parsed, wanted.kind)
    stale = [name for name in (record.added if record else {}) if name not in files]
    changes = [
        *(Change("edit", wanted.manifest) for _ in range(new != parsed)),
        *_writes(root, files),
        *(Change("delete", name) for name in stale if (root / name).exists()),
    ]
    if changes and not pretend:
        record = record or _begin(root, wanted, files, old)
        _write(root, files, record)
        for name in stale:
            (root / name).unlink(missing_ok=True)
            del record.added[name]
        content = _format(new) if new != parsed else old
        record.manifest_digest = digest(content)
        record.save(root)
        write(root / wanted.manifest, content)
        _sweep(root, record)
    return changes


def remove(root: Path, pretend: bool = False) -> list[Change]:
    """Take out what we put in; what changed (or would). Nothing where nothing is applied."""
    record = Record.load(root)
    if record is None:
        return []
    current = _read_manifest(root, record.manifest)
    before = backup(root).read_bytes() if backup(root).exists() else current
    if digest(current) != record.manifest_digest and current != before:
        # edited since: what was edited stays, our entry alone goes
        before = _format(manifests.without(_parse(current, record.manifest), record.kind))
    changes = [Change("delete", name) for name in record.added if (root / name).exists()]
    if before != current:
        changes.insert(0, Change("restore", record.manifest))
    if not pretend:
        write(root / record.manifest, before)
        for name in record.added:
            (root / name).unlink(missing_ok=True)
        for name in reversed(record.folders):
            _remove_if_empty(root / name)
        backup(root).unlink(missing_ok=True)
        (root / FOLDER / "record.json").unlink()
        _remove_if_empty(root / FOLDER)
    return changes


def status(root: Path) -> tuple[bool, list[str]]:
    """Whether it is applied, and what differs from what we wrote."""
    record = Record.load(root)
    if record is None:
        return False, []
    differing = []
    for name, wrote in record.added.items():
        file = root / name
        if not file.exists():
            differing.append(f"{name} is gone")
        elif digest(file.read_bytes()) != wrote:
            differing.append(f"{name} was edited")
    found = _parse(_read_manifest(root, record.manifest), record.manifest)
    if manifests.entry_of(found, record.kind) is None:
        differing.append(f"{record.manifest} has no kind {record.kind}")
    return True, differing


def _identity(wanted: Wanted) -> tuple[str, str]:
    return wanted.kind.name, wanted.manifest


def _refuse_foreign(
    root: Path, files: dict[str, bytes], record: Record | None, balancer: bool
) -> None:
    for name in files:
        folder = (root / name).parent
        if folder.parent == (root / VARIABLES).parent:
            _refuse_file_of_group(folder)
        if (record is None or name not in record.added) and (root / name).exists():
            raise OverlayError(f"{root / name} is there and not ours: move it away")
    other = balancer_chosen_elsewhere(root, parts.BALANCER_CLASS) if balancer else None
    if other is not None:
        raise OverlayError(
            f"{other} chooses another load balancer: take that out, or apply with --no-balancer"
        )


def _refuse_file_of_group(folder: Path) -> None:
    """Ansible reads one of a group's file and folder: a folder of ours would hide the file."""
    for file in (folder, *(folder.with_suffix(end) for end in (".yml", ".yaml", ".json"))):
        if file.is_file():
            raise OverlayError(
                f"{file} would be hidden by our folder {folder.name}: "
                f"move it to {folder / 'main.yml'}, Ansible reads it there as well"
            )


def _begin(root: Path, wanted: Wanted, files: dict[str, bytes], old: bytes) -> Record:
    """Write down what will be done first, so that what is interrupted can be undone too."""
    folders: list[str] = []
    for name in files:
        for parent in reversed(Path(name).parents):
            if not (root / parent).exists() and str(parent) not in folders:
                folders.append(str(parent))
    record = Record(wanted.kind.name, wanted.manifest, folders=folders)
    write(backup(root), old)
    record.added = {name: digest(content) for name, content in files.items()}
    record.save(root)
    return record


def _writes(root: Path, files: dict[str, bytes]) -> list[Change]:
    found = []
    for name, content in files.items():
        file = root / name
        if not file.exists():
            found.append(Change("add", name))
        elif file.read_bytes() != content:
            found.append(Change("replace", name))
    return found


def _write(root: Path, files: dict[str, bytes], record: Record) -> None:
    for name, content in files.items():
        for parent in reversed(Path(name).parents):
            if not (root / parent).exists() and str(parent) not in record.folders:
                record.folders.append(str(parent))
        record.added[name] = digest(content)
    record.save(root)
    for name, content in files.items():
        write(root / name, content)


def _sweep(root: Path, record: Record) -> None:
    for name in reversed(record.folders):
        _remove_if_empty(root / name)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _read_manifest(root: Path, name: str) -> bytes:
    try:
        return (root / name).read_bytes()
    except OSError as error:
        raise OverlayError(
            f"the runtimes manifest {root / name} cannot be read ({error.strerror}): "
            "name yours with --manifest"
        ) from None


def _parse(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise OverlayError(f"{name} is no JSON: {error}") from None


def _format(document: Any) -> bytes:
    return (json.dumps(document, indent=4, ensure_ascii=False) + "\n").encode()
