"""The runtimes manifest with our kind in it, and without it again. Pure.

OpenWhisk's own playbook pulls, on every invoker host, the image of each kind that says
``"deprecated": false``. A null there is "not deprecated" to OpenWhisk's code, which reads an absent
and a null option alike, but not ``false`` to the playbook: so hosts without RDMA do not fail to
pull an image that only ours need.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any

from swift_overlay.errors import OverlayError

_IMAGE = re.compile(
    r"(?:(?P<prefix>[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*)/)?(?P<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*)"
    r":(?P<tag>\w[\w.-]{0,127})"
)


@dataclass(frozen=True)
class Kind:
    """The entry to be. ``stem_cells`` containers of ``stem_cell_memory`` are kept prewarmed."""

    name: str = "python:3-rdma"
    image: str = "swift-runtime:patched"
    pulled: bool = False
    """True where OpenWhisk's playbook shall pull the image on each of its invoker hosts."""
    stem_cells: int = 0
    stem_cell_memory: str = "256 MB"

    @property
    def family(self) -> str:
        """The language."""
        return self.name.partition(":")[0]

    def entry(self, default: bool) -> dict[str, Any]:
        """What the manifest says of it."""
        found = _IMAGE.fullmatch(self.image)
        if found is None:
            raise OverlayError(f"image {self.image!r} is not [PREFIX/]NAME:TAG, in lower case")
        if not re.fullmatch(r"[a-z0-9]+:[A-Za-z0-9.]+-rdma", self.name):
            raise OverlayError(f"kind {self.name!r} is not FAMILY:VERSION-rdma")
        if self.stem_cells < 0:
            raise OverlayError(f"{self.stem_cells} stem cells: give 0 or more")
        entry: dict[str, Any] = {
            "kind": self.name,
            "default": default,
            "image": {"prefix": found["prefix"] or "", "name": found["name"], "tag": found["tag"]},
            "deprecated": False if self.pulled else None,
            "attached": {"attachmentName": "codefile", "attachmentType": "text/plain"},
        }
        if self.stem_cells:
            entry["stemCells"] = [
                {"initialCount": self.stem_cells, "memory": self.stem_cell_memory}
            ]
        return entry


def merged(manifest: Any, kind: Kind) -> dict[str, Any]:
    """The manifest with ``kind`` in its family, replacing an entry of that name."""
    changed = copy.deepcopy(_checked(manifest))
    family = changed["runtimes"].setdefault(kind.family, [])
    others = [entry for entry in family if entry["kind"] != kind.name]
    # each family needs one default: ours only where there is no other kind
    entry = kind.entry(default=not others)
    if len(others) == 1:
        others[0]["default"] = True  # as the only kind of a family it need not have said so
    places = [place for place, old in enumerate(family) if old["kind"] == kind.name]
    if places:
        family[places[0]] = entry
    else:
        family.append(entry)
    return changed


def without(manifest: Any, name: str) -> dict[str, Any]:
    """The manifest without the kind ``name``; a family that this leaves empty goes too."""
    changed = copy.deepcopy(_checked(manifest))
    for family, entries in list(changed["runtimes"].items()):
        left = [entry for entry in entries if entry["kind"] != name]
        if left:
            changed["runtimes"][family] = left
        elif entries:
            del changed["runtimes"][family]
    return changed


def entry_of(manifest: Any, name: str) -> dict[str, Any] | None:
    """The entry of the kind ``name``, if there is one."""
    for entries in _checked(manifest)["runtimes"].values():
        for entry in entries:
            if entry["kind"] == name:
                return dict(entry)
    return None


def _checked(manifest: Any) -> dict[str, Any]:
    families = manifest.get("runtimes") if isinstance(manifest, dict) else None
    if not isinstance(families, dict):
        raise OverlayError('the runtimes manifest has no object "runtimes"')
    for family, entries in families.items():
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) and isinstance(entry.get("kind"), str) for entry in entries
        ):
            raise OverlayError(f"the runtimes manifest's family {family!r} is no list of kinds")
    return dict(manifest)
