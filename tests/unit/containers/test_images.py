"""When images are pulled, and what their labels say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from invoker_plugin.containers import labels
from invoker_plugin.containers.engine_errors import DockerFault
from invoker_plugin.containers.images import Images
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.errors import DeveloperFault, SystemFault
from tests.unit.containers.engines import FakeEngine

REFUSED = DockerFault("docker pull: dial tcp 127.0.0.1:5999: connection refused")


def images_of(engine: FakeEngine, **changes: Any) -> Images:
    settings = ContainerSettings(**{"name_prefix": "wsk0_", "user_memory_mb": 2048, **changes})
    return Images(engine, settings)  # type: ignore[arg-type]


def test_runtime_images_are_never_pulled() -> None:
    engine = FakeEngine()
    asyncio.run(images_of(engine).ready("python", managed=True))
    assert not engine.called("pull")


def test_missing_runtime_image_is_a_system_fault_that_names_it() -> None:
    with pytest.raises(SystemFault, match="nosuch"):
        asyncio.run(images_of(FakeEngine()).ready("nosuch", managed=True))


def test_users_images_are_pulled_from_their_own_registry() -> None:
    engine = FakeEngine()
    images = images_of(engine, user_images_registry="users:5000", runtimes_registry="ours:5000")
    ready = asyncio.run(images.ready("guest/bb", managed=False))
    assert engine.called("pull") == ["users:5000/guest/bb"]
    assert ready.name == "users:5000/guest/bb"


@pytest.mark.parametrize("image", ["guest/bb", "guest/bb:latest"])
def test_floating_tag_that_cannot_be_pulled_is_refused_though_it_is_here(image: str) -> None:
    engine = FakeEngine()
    engine.images[image] = {}
    engine.fails["pull"] = REFUSED
    with pytest.raises(DeveloperFault, match=f"Failed to pull container image '{image}'"):
        asyncio.run(images_of(engine).ready(image, managed=False))


def test_fixed_tag_that_cannot_be_pulled_is_used_when_it_is_here() -> None:
    engine = FakeEngine()
    engine.images["guest/bb:v1"] = {}
    engine.fails["pull"] = REFUSED
    assert asyncio.run(images_of(engine).ready("guest/bb:v1", managed=False)).protocol == 0


def test_fixed_tag_that_is_nowhere_is_a_developer_error() -> None:
    engine = FakeEngine()
    engine.fails["pull"] = REFUSED
    with pytest.raises(DeveloperFault, match="Failed to pull"):
        asyncio.run(images_of(engine).ready("guest/bb:v1", managed=False))


def test_images_that_the_manifest_calls_local_are_not_pulled() -> None:
    engine = FakeEngine()
    engine.images["whisk/blackbox:latest"] = {}
    images = images_of(engine, local_images=("whisk/blackbox",))
    asyncio.run(images.ready("whisk/blackbox:latest", managed=False))
    assert not engine.called("pull")


def test_pulls_of_one_image_are_one_pull_and_a_failed_one_is_forgotten() -> None:
    async def flow() -> None:
        engine = FakeEngine()
        engine.gates["pull"] = asyncio.Event()
        engine.fails["pull"] = REFUSED
        images = images_of(engine)
        waiting = [asyncio.create_task(images.ready("a/b", managed=False)) for _ in range(5)]
        waiting.append(asyncio.create_task(images.ready("c/d", managed=False)))
        while len(engine.called("pull")) < 2:
            await asyncio.sleep(0)
        # One who gives up takes nothing away from the others.
        waiting[0].cancel()
        engine.gates["pull"].set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert sorted(engine.called("pull")) == ["a/b", "c/d"]
        assert all(isinstance(one, DeveloperFault) for one in results[1:])
        del engine.fails["pull"]
        assert (await images.ready("a/b", managed=False)).name == "a/b"

    asyncio.run(flow())


@pytest.mark.parametrize(("label", "protocol"), [("1", 1), ("0", 0), ("7", 0), ("one", 0)])
def test_protocol_is_what_the_label_says_if_we_know_it(label: str, protocol: int) -> None:
    engine = FakeEngine()
    engine.images["x"] = {labels.PROTOCOL: label}
    assert asyncio.run(images_of(engine).ready("x", managed=True)).protocol == protocol
