"""The runtimes that the devstack offers, as an OpenWhisk runtimes manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from devstack.errors import DevstackError

RDMA_KIND = "python:3-rdma"
RDMA_IMAGES = {
    "debian": "swift-runtime:debian",
    "stock": "swift-runtime:stock",
    "patched": "swift-runtime:patched",
}
IMAGE_VARIABLE = "SWIFT_IMAGE"
"""Environment: which of them runs RDMA actions; all but ``debian`` are compiled the first time."""


# Images that know nothing of forks, as OpenWhisk's own runtimes do not.
NODEJS_IMAGE = "swift-test-nodejs:latest"
PYTHON_IMAGE = "swift-test-python:latest"


def rdma_image(environ: Mapping[str, str]) -> str:
    """The tag that ``SWIFT_IMAGE`` names."""
    name = environ.get(IMAGE_VARIABLE) or "debian"
    if name not in RDMA_IMAGES:
        raise DevstackError(
            f"{IMAGE_VARIABLE} is {name!r}: set it to one of {', '.join(RDMA_IMAGES)}"
        )
    return RDMA_IMAGES[name]


def images(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """All images that the manifest names."""
    return (rdma_image(environ), NODEJS_IMAGE, PYTHON_IMAGE)


def runtimes_manifest() -> dict[str, Any]:
    """The manifest for controller and invoker.

    ``nodejs`` must be there: the controller's health action is of that family's default kind, and
    an invoker that cannot run it never becomes healthy.
    """
    return {
        "runtimes": {
            "nodejs": [_runtime("nodejs:20", NODEJS_IMAGE, default=True)],
            "python": [
                _runtime("python:3", PYTHON_IMAGE, default=True),
                _runtime(RDMA_KIND, rdma_image(os.environ), default=False),
            ],
        },
        "blackboxes": [],
    }


def _runtime(kind: str, image: str, default: bool) -> dict[str, Any]:
    name, _, tag = image.partition(":")
    return {"kind": kind, "default": default, "image": {"prefix": "", "name": name, "tag": tag}}
