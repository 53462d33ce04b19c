"""The runtimes manifest: which kinds there are, which is a family's default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack.controller.faults import BadRequest

Json = Any
BLACKBOX = "blackbox"
SEQUENCE = "sequence"
_DEFAULT_SUFFIX = ":default"


class ManifestFault(Exception):
    """The manifest is unusable; the text says where."""


@dataclass(frozen=True)
class Runtime:
    """One kind of the manifest."""

    kind: str
    image: str
    default: bool
    deprecated: bool
    require_main: bool
    attachment_type: str | None
    """MIME type of the code as an attachment; None: the code is a plain string in the document."""


class Runtimes:
    """Resolves the kinds that users write, ``python:default`` among them."""

    def __init__(self, manifest: Mapping[str, Json]) -> None:
        self._families: dict[str, list[Runtime]] = {}
        for family, entries in manifest.get("runtimes", {}).items():
            if not isinstance(entries, list) or not entries:
                raise ManifestFault(f"runtimes.{family}: must be a list of kinds")
            self._families[family] = [_runtime(family, entry) for entry in entries]
        self._kinds = {item.kind: item for group in self._families.values() for item in group}

    def resolve(self, kind: str) -> Runtime:
        """The runtime of ``kind``; raises :class:`BadRequest` for one that there is not."""
        if kind.endswith(_DEFAULT_SUFFIX):
            found = self.default(kind[: -len(_DEFAULT_SUFFIX)])
        else:
            found = self._kinds.get(kind)
        if found is None:
            known = ", ".join(sorted([*self._kinds, BLACKBOX, SEQUENCE]))
            raise BadRequest.malformed(f"kind '{kind}' not in Set({known})")
        if found.deprecated:
            raise BadRequest(f"The specified runtime '{found.kind}' is deprecated.")
        return found

    def default(self, family: str) -> Runtime | None:
        """The default kind of ``family``, or its only one; None when there is no such family."""
        group = self._families.get(family, [])
        marked = [item for item in group if item.default]
        if marked:
            return marked[0]
        return group[0] if len(group) == 1 else None

    def describe(self) -> dict[str, list[Json]]:
        """The families as ``GET /`` of the API shows them."""
        return {
            family: [
                {
                    "kind": item.kind,
                    "image": item.image,
                    "default": item.default,
                    "deprecated": item.deprecated,
                    "requireMain": item.require_main,
                    "attached": item.attachment_type is not None,
                }
                for item in group
            ]
            for family, group in self._families.items()
        }


def _runtime(family: str, entry: Json) -> Runtime:
    if not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
        raise ManifestFault(f"runtimes.{family}: every entry needs a kind")
    attached = entry.get("attached")
    return Runtime(
        kind=entry["kind"],
        image=_image_name(entry.get("image")),
        default=bool(entry.get("default", False)),
        deprecated=bool(entry.get("deprecated", False)),
        require_main=bool(entry.get("requireMain", False)),
        attachment_type=attached.get("attachmentType") if isinstance(attached, dict) else None,
    )


def _image_name(image: Json) -> str:
    if not isinstance(image, dict):
        return str(image or "")
    name = "/".join(part for part in (image.get("prefix"), image.get("name")) if part)
    return f"{name}:{image['tag']}" if image.get("tag") else name
