"""The table of docs/configuration.md, made from the settings themselves.

``python -m invoker_plugin.config.reference`` prints it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from invoker_plugin.config.setting import Setting
from invoker_plugin.config.settings import MANIFEST_PATH, MANIFEST_VARIABLE, all_settings


def table() -> str:
    """Return every setting as a row of one Markdown table."""
    return "\n".join(_rows())


def _rows() -> Iterator[str]:
    yield "| OpenWhisk's environment variable | TOML name | default | unit | what it is |"
    yield "| --- | --- | --- | --- | --- |"
    yield (
        f"| `{MANIFEST_VARIABLE}` (the JSON itself) | `{MANIFEST_PATH}` (a file) | must be set | "
        "JSON | OpenWhisk's runtimes manifest |"
    )
    for declared in all_settings():
        variable = f"`{declared.variable}{_suffix(declared)}`" if declared.variable else ""
        unit = declared.kind.unit or declared.kind.name
        default = "must be set" if declared.required else _shown(declared.default)
        yield f"| {variable} | `{declared.path}` | {default} | {unit} | {declared.meaning} |"


def _suffix(declared: Setting) -> str:
    if declared.kind.numbered:
        return "_0"
    return "_<option>_0" if declared.kind.name == "Docker run options" else ""


def _shown(default: Any) -> str:
    if default is None or default in ("", (), {}):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    print(table())
