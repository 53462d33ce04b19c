"""The runtimes that the devstack offers, as an OpenWhisk runtimes manifest."""

from __future__ import annotations

from typing import Any

RDMA_KIND = "python:3-rdma"
RDMA_IMAGE = "swift-runtime:stock"
# Images that know nothing of forks, as OpenWhisk's own runtimes do not.
NODEJS_IMAGE = "swift-test-nodejs:latest"
PYTHON_IMAGE = "swift-test-python:latest"
IMAGES = (RDMA_IMAGE, NODEJS_IMAGE, PYTHON_IMAGE)


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
                _runtime(RDMA_KIND, RDMA_IMAGE, default=False),
            ],
        },
        "blackboxes": [],
    }


def _runtime(kind: str, image: str, default: bool) -> dict[str, Any]:
    name, _, tag = image.partition(":")
    return {"kind": kind, "default": default, "image": {"prefix": "", "name": name, "tag": tag}}
