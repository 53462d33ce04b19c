"""OpenWhisk's runtimes manifest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from invoker_plugin.config.manifest import Reactive, RuntimeManifest, StemCell, parse

IMAGE = {"prefix": "openwhisk", "name": "action-python", "tag": "nightly"}


def _parse(*versions: dict[str, Any], **others: Any) -> tuple[RuntimeManifest, list[str]]:
    faults: list[str] = []
    document = {"runtimes": {"python": list(versions)}, **others}
    return parse(json.dumps(document), faults), faults


def test_kind_and_default_are_resolved() -> None:
    manifest, faults = _parse(
        {"kind": "python:2", "image": IMAGE, "deprecated": True},
        {"kind": "python:3", "image": {**IMAGE, "registry": "r.io"}, "default": True},
    )
    assert faults == []
    assert manifest.image_of("python:2") == "openwhisk/action-python:nightly"
    assert manifest.image_of("python:default") == "r.io/openwhisk/action-python:nightly"
    assert manifest.image_of("ruby:default") is None
    old = manifest.resolve("python:2")
    assert old is not None
    assert old.deprecated


def test_only_kind_of_a_family_is_its_default() -> None:
    manifest, faults = _parse({"kind": "python:3", "image": IMAGE})
    assert faults == []
    assert manifest.image_of("python:default") is not None


def test_null_is_as_good_as_absent() -> None:
    manifest, faults = _parse({"kind": "python:3", "image": IMAGE, "deprecated": None})
    assert faults == []
    runtime = manifest.resolve("python:3")
    assert runtime is not None
    assert not runtime.deprecated


def test_stem_cells() -> None:
    reactive = {"minCount": 1, "maxCount": 4, "ttl": "2 minutes", "threshold": 1, "increment": 2}
    manifest, faults = _parse(
        {
            "kind": "python:3",
            "image": IMAGE,
            "stemCells": [
                {"initialCount": 2, "memory": "256 MB", "reactive": reactive},
                {"count": 1, "memory": "128 m"},
            ],
        }
    )
    assert faults == []
    runtime = manifest.resolve("python:3")
    assert runtime is not None
    assert runtime.stem_cells == (
        StemCell(2, 256, Reactive(1, 4, 120_000, 1, 2)),
        StemCell(1, 128),
    )


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        ({"image": IMAGE}, "python, 0: field 'kind' is missing"),
        ({"kind": "python:3"}, "python, python:3: field 'image' is not an object"),
        ({"kind": "python:3", "image": {}}, "field 'name' is missing"),
        ({"kind": "p", "image": IMAGE, "stemCells": [{"memory": "1m"}]}, "'count' is missing"),
        (
            {"kind": "p", "image": IMAGE, "stemCells": [{"initialCount": 0, "memory": "1m"}]},
            "'initialCount' must be more than 0",
        ),
        (
            {"kind": "p", "image": IMAGE, "stemCells": [{"initialCount": 1, "memory": "x"}]},
            "is no size",
        ),
    ],
)
def test_fault_names_kind_and_field(version: dict[str, Any], fault: str) -> None:
    _, faults = _parse(version)
    assert fault in faults[0]


@pytest.mark.parametrize("marked", [True, False])
def test_family_needs_one_default(marked: bool) -> None:
    versions = [{"kind": f"python:{n}", "image": IMAGE, "default": marked} for n in (2, 3)]
    _, faults = _parse(*versions)
    assert faults[0].startswith("RUNTIMES_MANIFEST: python has ")
    assert 'mark one kind with "default": true' in faults[0]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"runtimes": []}'])
def test_what_is_no_manifest_is_one_fault(text: str) -> None:
    faults: list[str] = []
    assert len(parse(text, faults)) == 0
    assert len(faults) == 1
