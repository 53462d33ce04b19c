"""A folder with what the overlay looks for in a checkout of OpenWhisk, and nothing else of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swift_overlay.checkout import BALANCER, MANIFEST, ROLE, VARIABLES

IMAGE = {"prefix": "openwhisk", "name": "action-nodejs-v20", "tag": "nightly"}
RUNTIMES = {
    "description": ["their own words"],
    "runtimes": {
        "nodejs": [{"kind": "nodejs:20", "default": True, "image": IMAGE, "deprecated": False}],
        "python": [
            {"kind": "python:3", "image": {**IMAGE, "name": "action-python-v3.12"}},
        ],
    },
    "blackboxes": [],
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "openwhisk"
    files = {
        ROLE: "with_items: invoker_plugins\n",
        VARIABLES: "spi: \"{{ controller_loadbalancer_spi | default('') }}\"\n",
        BALANCER: "import org.apache.pekko.actor.ActorRef\n"
        "def publish(action: ExecutableWhiskActionMetaData\n",
        # not as json.dumps would write it: removing must give back these very bytes
        MANIFEST: json.dumps(RUNTIMES, indent=1) + "\n\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def tree(root: Path) -> dict[str, bytes | None]:
    """Every file with its content, every folder."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }
