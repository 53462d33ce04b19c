"""Runtime images have a registry apart from the users' (behaviour 96)."""

from __future__ import annotations

import asyncio

from tests.unit.containers.engines import FakeEngine
from tests.unit.containers.test_images import images_of


def test_runtime_images_come_from_the_runtimes_registry() -> None:
    engine = FakeEngine()
    engine.images["ours:5000/python"] = {}
    images = images_of(engine, user_images_registry="users:5000", runtimes_registry="ours:5000")
    assert asyncio.run(images.ready("python", managed=True)).name == "ours:5000/python"
