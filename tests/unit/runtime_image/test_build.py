"""What decides whether an image must be built anew."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from runtime_image import base, build
from runtime_image.rdma_core import RdmaCoreBase


def _image(directory: Path) -> build.Image:
    return build.Image("some:tag", base.NODEJS, directory, ("package", "one.py"))


def _tree(directory: Path) -> None:
    (directory / "Dockerfile").write_text("FROM scratch")
    (directory / "one.py").write_text("1")
    (directory / "package").mkdir()
    (directory / "package" / "two.py").write_text("2")
    (directory / "package" / "two.pyc").write_text("not copied")


def test_the_context_is_what_is_named(tmp_path: Path) -> None:
    _tree(tmp_path)
    files = _image(tmp_path).files()
    assert sorted(files) == ["Dockerfile", "one.py", "package/two.py"]
    with tarfile.open(fileobj=base.context_of(files)) as archive:
        assert sorted(archive.getnames()) == sorted(files)


def test_the_digest_follows_content_and_base(tmp_path: Path) -> None:
    _tree(tmp_path)
    image = _image(tmp_path)
    before = image.content()
    assert image.content() == before
    other_base = build.Image(image.tag, base.PYTHON_RDMA, image.directory, image.copied)
    assert other_base.content() != before
    (tmp_path / "package" / "two.py").write_text("3")
    assert image.content() != before


def test_contexts_are_the_same_bytes_each_time() -> None:
    files = {"b": b"2", "a": b"1"}
    assert (
        base.context_of(files).getvalue()
        == base.context_of(dict(reversed(files.items()))).getvalue()
    )
    assert isinstance(base.context_of(files), io.BytesIO)


def test_bases_have_tags_of_their_own() -> None:
    assert base.PYTHON_RDMA.tag != base.NODEJS.tag
    assert base.PYTHON_RDMA.tag.startswith("swift-base-python-rdma:")


def test_baseline_and_patched_differ_by_the_series_alone() -> None:
    stock, patched = build.STOCK, build.PATCHED
    assert isinstance(stock.base, RdmaCoreBase)
    assert isinstance(patched.base, RdmaCoreBase)
    assert stock.base.base == patched.base.base == build.RUNTIME.base
    assert stock.files() == patched.files() == build.RUNTIME.files()
    assert (stock.base.variant, patched.base.variant) == ("stock", "swift")
    assert len({image.tag for image in (stock, patched, build.RUNTIME)}) == 3
    assert len({stock.base.tag, patched.base.tag, build.RUNTIME.base.tag}) == 3
