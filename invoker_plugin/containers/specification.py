"""What a container to be made must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ContainerSpecification:
    """One container to create.

    ``image`` is the name in the runtimes manifest or in the action; registries are put before it by
    the factory. ``managed`` says that the image is a runtime of the deployment: it is never pulled
    (behaviour 95) and its logs carry sentinels. An image that is not managed is the user's own
    (blackbox) and is pulled first (behaviour 94). ``labels`` are the identity labels of
    ``labels.identity``; ``environment`` comes on top of the deployment's own. ``rdma`` asks for the
    host's RDMA device, which only an image that speaks the Swift protocol gets. ``cpu_shares``
    overrides the share that goes with the memory.
    """

    name: str
    image: str
    kind: str
    memory_mb: int
    managed: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    rdma: bool = True
    cpu_shares: int | None = None
