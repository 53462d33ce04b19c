"""Which image runs RDMA actions."""

from __future__ import annotations

import pytest

from devstack.errors import DevstackError
from devstack.manifest import images, rdma_image


def test_debians_libraries_are_the_default() -> None:
    assert rdma_image({}) == rdma_image({"SWIFT_IMAGE": "debian"}) == "swift-runtime:debian"


@pytest.mark.parametrize("name", ["stock", "patched"])
def test_our_own_build_is_chosen_by_name(name: str) -> None:
    """Both of one source: ``stock`` is the baseline for ``patched``."""
    environ = {"SWIFT_IMAGE": name}
    assert rdma_image(environ) == f"swift-runtime:{name}"
    assert rdma_image(environ) in images(environ)


def test_another_name_is_refused() -> None:
    with pytest.raises(DevstackError, match="set it to one of debian, stock, patched"):
        rdma_image({"SWIFT_IMAGE": "latest"})
