"""Our kind in a runtimes manifest, as OpenWhisk, its playbook and our invoker read it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoker_plugin.config import manifest as invoker_manifest
from swift_overlay.errors import OverlayError
from swift_overlay.manifest import Kind, entry_of, merged, without
from tests.unit.patches.openwhisk.conftest import IMAGE, RUNTIMES


def _read_by_the_invoker(document: dict[str, Any]) -> invoker_manifest.RuntimeManifest:
    faults: list[str] = []
    found = invoker_manifest.parse(json.dumps(document), faults)
    assert faults == []
    return found


def test_the_kind_is_there_and_the_default_stays() -> None:
    read = _read_by_the_invoker(merged(RUNTIMES, Kind()))
    assert read.image_of("python:3-rdma") == "swift-runtime:patched"
    assert read.image_of("python:default") == "openwhisk/action-python-v3.12:nightly"
    runtime = read.resolve("python:3-rdma")
    assert runtime is not None
    assert not runtime.deprecated
    assert runtime.stem_cells == ()


def test_alone_in_its_family_it_is_the_default() -> None:
    read = _read_by_the_invoker(merged(RUNTIMES, Kind(name="go:1-rdma", image="r.io/a/go:7")))
    assert read.image_of("go:default") == "r.io/a/go:7"


@pytest.mark.parametrize(("pulled", "deprecated"), [(False, None), (True, False)])
def test_openwhisks_playbook_pulls_it_only_when_told(pulled: bool, deprecated: bool | None) -> None:
    entry = entry_of(merged(RUNTIMES, Kind(pulled=pulled)), "python:3-rdma")
    assert entry is not None
    assert entry["deprecated"] is deprecated


def test_stem_cells() -> None:
    kind = Kind(stem_cells=2, stem_cell_memory="512 MB")
    runtime = _read_by_the_invoker(merged(RUNTIMES, kind)).resolve("python:3-rdma")
    assert runtime is not None
    assert [(cell.initial_count, cell.memory_mb) for cell in runtime.stem_cells] == [(2, 512)]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind(name="python:3"), "kind 'python:3' is not FAMILY:VERSION-rdma"),
        (Kind(image="swift-runtime"), "image 'swift-runtime' is not"),
        (Kind(image="A/b:c"), "image 'A/b:c' is not"),
        (Kind(stem_cells=-1), "-1 stem cells"),
    ],
)
def test_what_openwhisk_would_not_read_is_refused(kind: Kind, words: str) -> None:
    with pytest.raises(OverlayError, match=words.replace("(", r"\(")):
        merged(RUNTIMES, kind)


@pytest.mark.parametrize("document", [[], {}, {"runtimes": []}, {"runtimes": {"python": [3]}}])
def test_what_is_no_manifest_is_refused(document: Any) -> None:
    with pytest.raises(OverlayError, match="manifest"):
        merged(document, Kind())


_ENTRIES = st.lists(st.sampled_from(["a:1", "a:2", "a:3"]), unique=True, min_size=1, max_size=3)


@given(
    _ENTRIES, st.sampled_from(["a:9-rdma", "b:9-rdma"]), st.sampled_from(["swift:1", "x/swift:2"])
)
def test_merging_twice_is_merging_once_and_without_undoes_it(
    kinds: list[str], name: str, image: str
) -> None:
    document = {
        "runtimes": {
            "a": [
                {"kind": kind, "default": place == 0, "image": IMAGE}
                for place, kind in enumerate(kinds)
            ]
        }
    }
    kind = Kind(name=name, image=image)
    once = merged(document, kind)
    assert merged(once, kind) == once
    assert without(once, name) == document
    _read_by_the_invoker(once)
