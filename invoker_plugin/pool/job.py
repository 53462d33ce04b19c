"""What the pool knows of one activation: who may share a container with it, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Start(str, Enum):
    """How an activation was started, in the words that its record shows."""

    WARM = "warm"
    FORK = "fork"
    PREWARM = "prewarm"
    COLD = "cold"


class Policy(str, Enum):
    """The action's wish, annotation ``swift-start`` (``docs/writing-actions.md``)."""

    AUTO = "auto"
    FORK = "fork"
    """A pristine worker for each activation."""
    WARM = "warm"
    """Never fork: one worker to a container."""
    COLD = "cold"
    """A new container for each activation."""


@dataclass(frozen=True, slots=True)
class ActionKey:
    """Activations share a container only when all of this is equal.

    The revision is part of it although the stock invoker reuses a container whose action was
    deleted and created again under one version (behaviour 32): here that code never runs again.
    """

    namespace: str
    action: str
    version: str
    revision: str


@dataclass(frozen=True, slots=True)
class Job:
    """One activation to place. Memory is in MB, the arrival in ms of the caller's clock."""

    activation_id: str
    key: ActionKey
    kind: str
    memory_mb: int
    arrived_ms: int
    concurrency: int = 1
    """Activations that one plain container may run at once (the action's limit)."""
    swift: bool = False
    """The image carries the fork protocol's label; what it can do it says itself when ready."""
    policy: Policy = Policy.AUTO
    slots: int = 1
    """Workers a template of this action may have at once (``swift-slots``)."""

    @property
    def wanted_slots(self) -> int:
        """Slots to ask of a new container: none for a plain image, one where forks are unwanted."""
        if not self.swift:
            return 0
        return self.slots if self.policy in (Policy.AUTO, Policy.FORK) else 1

    @property
    def first_worker_mb(self) -> int:
        """What the first worker needs beside its template; a plain container is its own worker."""
        return self.memory_mb if self.swift else 0
