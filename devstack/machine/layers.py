"""Image archives without the layers that the receiving engine has already.

``docker load`` under emulation takes minutes for a whole image, while a rebuilt image differs from
the one before in its last layers only. An engine does not read a layer that it knows, so that its
file may be left out of the archive.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

Chain = tuple[str, ...]


def known_chains(images: Iterable[Sequence[str]]) -> set[Chain]:
    """Every run of layers, from the lowest on, that images with these layers are made of."""
    return {tuple(layers[:end]) for layers in images for end in range(1, len(layers) + 1)}


def leave_out_layers(archive: Path, result: Path, known: set[Chain]) -> int:
    """Write ``archive`` (of ``docker save``) to ``result`` without the layers that are ``known``;
    returns how many were left out."""
    with tarfile.open(archive) as source, tarfile.open(result, "w") as target:
        unneeded = _unneeded(source, known)
        for entry in source:
            if entry.name not in unneeded:
                target.addfile(entry, _content(source, entry) if entry.isreg() else None)
    return len(unneeded)


def _unneeded(source: tarfile.TarFile, known: set[Chain]) -> set[str]:
    """The names of the layers' files that the receiver knows and no image here needs."""
    unneeded: set[str] = set()
    needed: set[str] = set()
    for image in _json(source, "manifest.json"):
        layers = _json(source, image["Config"])["rootfs"]["diff_ids"]
        for number, name in enumerate(image["Layers"]):
            there = tuple(layers[: number + 1]) in known
            (unneeded if there else needed).add(name)
    return unneeded - needed


def _json(source: tarfile.TarFile, name: str) -> Any:
    with _content(source, source.getmember(name)) as file:
        return json.load(file)


def _content(source: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    file = source.extractfile(entry)
    assert file is not None, f"{entry.name} is a regular file"
    return file
