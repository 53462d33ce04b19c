"""The runtimes that the devstack offers, as an OpenWhisk runtimes manifest."""

from __future__ import annotations

from typing import Any

RDMA_KIND = "python:3-rdma"
RDMA_IMAGE = "swift-invoker/python3-rdma:latest"


def runtimes_manifest() -> dict[str, Any]:
    """The manifest for controller and invoker.

    ``nodejs`` is there because the controller's health action is of that family's default kind:
    an invoker that cannot run it never becomes healthy.
    """
    prefix, _, rest = RDMA_IMAGE.partition("/")
    name, _, tag = rest.partition(":")
    image = {"prefix": prefix, "name": name, "tag": tag}
    return {
        "runtimes": {
            "nodejs": [{"kind": "nodejs:20", "default": True, "image": image}],
            "python": [
                {"kind": "python:3", "default": True, "image": image},
                {"kind": RDMA_KIND, "default": False, "image": image},
            ],
        },
        "blackboxes": [],
    }
