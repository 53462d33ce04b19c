from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from devstack.machine.layers import known_chains, leave_out_layers


def _archive(path: Path, images: dict[str, list[str]]) -> Path:
    """What ``docker save`` writes: layer ``a`` is the file ``a/layer.tar`` with content ``a``."""
    files = {}
    manifest = []
    for name, layers in images.items():
        files[f"{name}.json"] = json.dumps({"rootfs": {"diff_ids": layers}}).encode()
        files |= {f"{layer}/layer.tar": layer.encode() for layer in layers}
        names = [f"{layer}/layer.tar" for layer in layers]
        manifest.append({"Config": f"{name}.json", "Layers": names})
    files["manifest.json"] = json.dumps(manifest).encode()
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def _layers(path: Path) -> set[str]:
    with tarfile.open(path) as archive:
        return {name.partition("/")[0] for name in archive.getnames() if "/" in name}


def test_only_the_layers_above_a_known_run_are_kept(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "whole", {"image": ["base", "python", "code"]})
    known = known_chains([["base", "python", "old code"]])
    assert leave_out_layers(archive, tmp_path / "less", known) == 2
    assert _layers(tmp_path / "less") == {"code"}
    with tarfile.open(tmp_path / "less") as less:
        assert {"manifest.json", "image.json"} <= set(less.getnames())


def test_a_known_layer_on_another_base_is_not_known(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "whole", {"image": ["other", "python"]})
    assert leave_out_layers(archive, tmp_path / "less", known_chains([["base", "python"]])) == 0
    assert _layers(tmp_path / "less") == {"other", "python"}


def test_a_file_that_one_image_needs_stays(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "whole", {"one": ["base", "code"], "two": ["new", "code"]})
    leave_out_layers(archive, tmp_path / "less", known_chains([["base", "code"]]))
    assert _layers(tmp_path / "less") == {"new", "code"}


def test_an_engine_without_images_gets_all(tmp_path: Path) -> None:
    archive = _archive(tmp_path / "whole", {"image": ["base", "code"]})
    assert leave_out_layers(archive, tmp_path / "less", known_chains([])) == 0
    assert _layers(tmp_path / "less") == {"base", "code"}
