"""Which image runs RDMA actions."""

from __future__ import annotations

import pytest

from devstack.errors import DevstackError
from devstack.manifest import images, rdma_image


def test_debians_libraries_are_the_default() -> None:
    assert rdma_image({}) == rdma_image({"SWIFT_IMAGE": "stock"}) == "swift-runtime:stock"


def test_the_patched_ones_are_chosen_by_name() -> None:
    environ = {"SWIFT_IMAGE": "patched"}
    assert rdma_image(environ) == "swift-runtime:patched"
    assert rdma_image(environ) in images(environ)


def test_another_name_is_refused() -> None:
    with pytest.raises(DevstackError, match="set it to stock or patched"):
        rdma_image({"SWIFT_IMAGE": "latest"})
