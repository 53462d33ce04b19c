"""Reads all settings, and names every fault at once."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invoker_plugin.config import checks, environment, manifest
from invoker_plugin.config.setting import Setting
from invoker_plugin.config.settings import (
    MANIFEST_PATH,
    MANIFEST_VARIABLE,
    SECTIONS,
    Settings,
    all_settings,
)
from invoker_plugin.errors import ConfigurationError

# Python 3.10 has no tomllib; tomli is the same module under the name it had before.
tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

Table = dict[str, Any]


def load(
    environ: Mapping[str, str],
    toml_path: str | Path | None = None,
    overrides: Mapping[str, str | None] | None = None,
) -> Settings:
    """Return the settings; raise :class:`~invoker_plugin.errors.ConfigurationError`.

    ``overrides`` (``invoker.id``: text) win over ``environ``, which wins over the file. The
    error's text has a line for every fault, so that one start shows them all.
    """
    faults: list[str] = []
    table = _read_file(Path(toml_path), faults) if toml_path is not None else {}
    _refuse_unknown(table, faults)
    chosen: dict[str, Table] = {section: {} for section in SECTIONS}
    for declared in all_settings():
        raw = _first_set(declared, environ, table, overrides or {})
        if raw is not None:
            _convert(declared, raw, chosen[declared.section], faults)
        elif declared.required:
            faults.append(f"{declared.title}: is not set; give {declared.meaning}")
    runtimes = _read_manifest(environ, table, faults)
    sections = {name: kind(**chosen[name]) for name, kind in SECTIONS.items()}
    settings = Settings(**sections, manifest=runtimes)
    faults += checks.faults(settings)
    if faults:
        raise ConfigurationError("\n".join(faults))
    return Settings(
        **sections, manifest=runtimes, warnings=(*_warnings(environ), *checks.warnings(settings))
    )


def _warnings(environ: Mapping[str, str]) -> list[str]:
    found = [
        f"{name}: is set, but this invoker has no such setting"
        for name in environment.unknown(environ)
    ]
    if environ.get("OPENWHISK_CONFIG") or environ.get("OPENWHISK_ENCODED_CONFIG"):
        found.append("OPENWHISK_CONFIG: is ignored; give a TOML file (--config)")
    return found


def _first_set(
    declared: Setting,
    environ: Mapping[str, str],
    table: Table,
    overrides: Mapping[str, str | None],
) -> Any:
    override = overrides.get(declared.path)
    if override is not None:
        return override
    value = environment.read(environ, declared)
    if value is not None:
        return value
    section = table.get(declared.section)
    return section.get(declared.name) if isinstance(section, dict) else None


def _convert(declared: Setting, raw: Any, chosen: Table, faults: list[str]) -> None:
    try:
        chosen[declared.name] = declared.kind.read(raw)
    except ValueError as fault:
        shown = "" if declared.secret else f" {raw!r}"
        faults.append(f"{declared.title}:{shown} {fault}")


def _read_file(path: Path, faults: list[str]) -> Table:
    try:
        table: Table = tomllib.loads(path.read_text(encoding="utf-8"))
        return table
    except OSError as fault:
        faults.append(f"{path}: cannot be read: {fault.strerror}")
    except ValueError as fault:
        faults.append(f"{path}: is no TOML file: {fault}")
    return {}


def _refuse_unknown(table: Table, faults: list[str]) -> None:
    """A misspelt key would otherwise leave its default in force, unseen."""
    known = [declared.path for declared in all_settings()] + [MANIFEST_PATH]
    for section, content in table.items():
        names = content if isinstance(content, dict) else [""]
        for name in names:
            path = f"{section}.{name}" if name else section
            if path not in known:
                near = difflib.get_close_matches(path, known, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                faults.append(f"{path}: there is no such setting{hint}")


def _read_manifest(
    environ: Mapping[str, str], table: Table, faults: list[str]
) -> manifest.RuntimeManifest:
    text = environ.get(MANIFEST_VARIABLE) or ""
    section = table.get("runtimes")
    path = section.get("manifest") if isinstance(section, dict) else None
    if not text and isinstance(path, str):
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            faults.append(f"{MANIFEST_PATH}: {path} cannot be read: {fault}")
            return manifest.RuntimeManifest()
    if not text:
        faults.append(
            f"{MANIFEST_PATH} ({MANIFEST_VARIABLE}): is not set; give OpenWhisk's runtimes.json"
        )
        return manifest.RuntimeManifest()
    return manifest.parse(text, faults)
