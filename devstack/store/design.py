"""The design documents that OpenWhisk's controller, invoker and tools query, from ``design/``.

One folder for each database, one in it for each document, then ``views/<view>/map.js`` (and
``reduce.js``) and ``filters/<filter>.js``. Names and results are OpenWhisk's: clients rely on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devstack.paths import PACKAGE

_ROOT = PACKAGE / "design"


def documents(database: str) -> list[dict[str, Any]]:
    """The design documents of ``subjects``, ``whisks`` or ``activations``."""
    return [_document(folder) for folder in sorted((_ROOT / database).iterdir())]


def _document(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = {"_id": f"_design/{folder.name}", "language": "javascript"}
    views = {view.name: _view(view) for view in sorted(folder.glob("views/*"))}
    filters = {file.stem: file.read_text() for file in sorted(folder.glob("filters/*.js"))}
    if views:
        document["views"] = views
    if filters:
        document["filters"] = filters
    return document


def _view(folder: Path) -> dict[str, str]:
    return {file.stem: file.read_text().strip() for file in sorted(folder.glob("*.js"))}
