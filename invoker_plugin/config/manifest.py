"""The runtimes manifest: which image runs which kind, and how many stem cells to keep.

The JSON is OpenWhisk's own (``RUNTIMES_MANIFEST``, ``ansible/files/runtimes.json``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from invoker_plugin.config import hocon
from invoker_plugin.wire import fields, jsontext

_DEFAULT = "default"
HEALTH_KIND = "nodejs:default"
"""The kind of the controller's health action: without it no controller calls us healthy."""


@dataclass(frozen=True, slots=True)
class Reactive:
    """How the number of stem cells follows the cold starts (behaviours 57 and 58)."""

    min_count: int
    max_count: int
    ttl_ms: int
    threshold: int
    increment: int


@dataclass(frozen=True, slots=True)
class StemCell:
    """``initial_count`` containers of ``memory_mb`` are made at start."""

    initial_count: int
    memory_mb: int
    reactive: Reactive | None = None


@dataclass(frozen=True, slots=True)
class Runtime:
    """One kind. ``image`` has its registry only where the manifest itself names one."""

    kind: str
    image: str
    default: bool = False
    deprecated: bool = False
    require_main: bool = False
    stem_cells: tuple[StemCell, ...] = ()


@dataclass(frozen=True, slots=True)
class RuntimeManifest:
    """All kinds of the deployment, and the blackbox images that need no pull."""

    runtimes: Mapping[str, Runtime] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    blackboxes: tuple[str, ...] = ()

    def resolve(self, kind: str) -> Runtime | None:
        """Return the runtime of ``kind``, which may be ``family:default``."""
        family, _, version = kind.partition(":")
        return self.runtimes.get(self.defaults.get(family, kind) if version == _DEFAULT else kind)

    def image_of(self, kind: str) -> str | None:
        """Return the image of ``kind``; ``None`` when the deployment has no such kind."""
        runtime = self.resolve(kind)
        return runtime.image if runtime else None

    def __len__(self) -> int:
        return len(self.runtimes)


def parse(text: str, faults: list[str]) -> RuntimeManifest:
    """Read the manifest; add what is wrong with it to ``faults``, one line each."""
    try:
        document = fields.as_object(jsontext.decode(text), "it")
        families = fields.mapping(document, "runtimes")
    except ValueError as fault:
        faults.append(f"RUNTIMES_MANIFEST: {fault}; give OpenWhisk's runtimes.json")
        return RuntimeManifest()
    runtimes: dict[str, Runtime] = {}
    defaults: dict[str, str] = {}
    for family, versions in families.items():
        found = _parse_family(family, versions, faults)
        runtimes |= {runtime.kind: runtime for runtime in found}
        _choose_default(family, found, defaults, faults)
    return RuntimeManifest(runtimes, defaults, _parse_blackboxes(document, faults))


def _parse_family(family: str, versions: Any, faults: list[str]) -> list[Runtime]:
    found = []
    for index, version in enumerate(versions if isinstance(versions, list) else [versions]):
        try:
            found.append(_parse_runtime(fields.as_object(version, "it")))
        except ValueError as fault:
            name = version.get("kind", index) if isinstance(version, dict) else index
            faults.append(f"RUNTIMES_MANIFEST: {family}, {name}: {fault}")
    return found


def _choose_default(
    family: str, found: list[Runtime], defaults: dict[str, str], faults: list[str]
) -> None:
    marked = [runtime.kind for runtime in found if runtime.default]
    if len(marked) == 1:
        defaults[family] = marked[0]
    elif not marked and len(found) == 1:
        defaults[family] = found[0].kind
    elif found:
        what = f"{len(marked)} defaults ({', '.join(marked)})" if marked else "no default"
        faults.append(f'RUNTIMES_MANIFEST: {family} has {what}; mark one kind with "default": true')


def _parse_runtime(version: dict[str, Any]) -> Runtime:
    cells = fields.sequence(version, "stemCells") if version.get("stemCells") else []
    return Runtime(
        kind=fields.text(version, "kind"),
        image=_parse_image(version.get("image")),
        default=_flag(version, "default"),
        deprecated=_flag(version, "deprecated"),
        require_main=_flag(version, "requireMain"),
        stem_cells=tuple(_parse_stem_cell(cell) for cell in cells),
    )


def _flag(version: dict[str, Any], key: str) -> bool:
    # OpenWhisk reads null as absent; patches/openwhisk writes a null
    return version.get(key) is not None and fields.flag(version, key)


def _parse_image(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    image = fields.as_object(value, "field 'image'")
    registry = fields.optional_text(image, "registry")
    prefix = fields.optional_text(image, "prefix")
    tag = fields.optional_text(image, "tag")
    parts = [part.rstrip("/") for part in (registry, prefix) if part]
    return "/".join([*parts, fields.text(image, "name")]) + (f":{tag}" if tag else "")


def _parse_blackboxes(document: dict[str, Any], faults: list[str]) -> tuple[str, ...]:
    try:
        images = fields.sequence(document, "blackboxes") if "blackboxes" in document else []
        return tuple(_parse_image(image) for image in images)
    except ValueError as fault:
        faults.append(f"RUNTIMES_MANIFEST: blackboxes: {fault}")
        return ()


def _parse_stem_cell(value: Any) -> StemCell:
    cell = fields.as_object(value, "a stem cell")
    count = fields.integer(cell, "initialCount" if "initialCount" in cell else "count")
    if count <= 0:
        raise ValueError("a stem cell's 'initialCount' must be more than 0")
    size = hocon.parse_size(fields.text(cell, "memory"))
    reactive = _parse_reactive(cell["reactive"]) if cell.get("reactive") else None
    return StemCell(count, size // hocon.MIB, reactive)


def _parse_reactive(value: Any) -> Reactive:
    form = fields.as_object(value, "field 'reactive'")
    reactive = Reactive(
        min_count=fields.integer(form, "minCount"),
        max_count=fields.integer(form, "maxCount"),
        ttl_ms=hocon.parse_duration_ms(fields.text(form, "ttl")),
        threshold=fields.integer(form, "threshold"),
        increment=fields.integer(form, "increment"),
    )
    if not 0 <= reactive.min_count <= reactive.max_count or reactive.max_count <= 0:
        raise ValueError("'reactive' needs 0 <= minCount <= maxCount and maxCount > 0")
    if reactive.ttl_ms <= 0 or reactive.threshold <= 0:
        raise ValueError("'reactive' needs a ttl and a threshold of more than 0")
    if not 0 < reactive.increment <= reactive.max_count:
        raise ValueError("'reactive' needs 0 < increment <= maxCount")
    return reactive
