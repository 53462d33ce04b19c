"""Which image an action runs in, and what is known of images."""

from __future__ import annotations

from typing import Protocol

from invoker_plugin.errors import SystemFault
from invoker_plugin.wire.action import Action

RDMA_SUFFIX = "-rdma"


class Manifest(Protocol):
    """What is needed of the runtimes manifest."""

    def image_of(self, kind: str) -> str | None:
        """The image of a kind, ``None`` when the deployment has no such kind."""


class Runtimes:
    """Images by kind, and what they were seen to be.

    A container says by its image's label whether it knows forks. Before the first one of an image
    was made that is a guess from the kind's name; a wrong guess costs a fork, never correctness.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._forks: dict[str, bool] = {}

    def image_of(self, action: Action) -> str:
        """The image of the action's kind, or the user's own."""
        execution = action.execution
        image = execution.image if execution.blackbox else self.image_of_kind(execution.kind)
        if not image:
            raise SystemFault(
                f"kind {execution.kind!r} is in no runtimes manifest of this invoker; "
                "add it to RUNTIMES_MANIFEST"
            )
        if execution.kind.endswith(RDMA_SUFFIX):
            self._forks.setdefault(image, True)
        return image

    def image_of_kind(self, kind: str) -> str | None:
        """The image of a kind of the deployment."""
        return self._manifest.image_of(kind)

    def forks(self, image: str) -> bool:
        """Whether containers of the image are believed to know forks."""
        return self._forks.get(image, False)

    def learn(self, image: str, protocol: int) -> None:
        """A container of the image was made and its label read."""
        self._forks[image] = protocol > 0
