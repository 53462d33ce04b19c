"""From a message to something the pool can place, or to the answer why not (behaviours 17-29)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from invoker_plugin.errors import ApplicationFault, InvokerError, SystemFault
from invoker_plugin.invoker.activation import Activation
from invoker_plugin.invoker.clock import steady_ms
from invoker_plugin.invoker.health_action import is_health_action
from invoker_plugin.invoker.runtimes import Runtimes
from invoker_plugin.log import event
from invoker_plugin.pool.job import ActionKey, Job, Policy
from invoker_plugin.wire import texts
from invoker_plugin.wire.action import Action
from invoker_plugin.wire.activation import ActionReference, ActivationMessage
from invoker_plugin.wire.limits import MOST_SPARES, SystemLimits
from invoker_plugin.wire.parameters import partition_arguments, unlock

logger = logging.getLogger(__name__)


class ActionSource(Protocol):
    """What is needed of the store."""

    async def fetch(self, reference: ActionReference, revision: str | None) -> Action:
        """The action with its code; raises an ``InvokerError`` with the user's text."""


class BlockList(Protocol):
    """What is needed of the list of blocked namespaces."""

    def __contains__(self, namespace: object) -> bool:
        """Whether the namespace is blocked."""


class Blocked(ApplicationFault):
    """The namespace is blocked: an ack is owed, but no record (behaviour 29)."""


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """What admission needs of the operator's settings."""

    limits: SystemLimits
    memory_mb: int
    most_slots: int
    spares: int
    keys: Mapping[str, bytes]
    start: Policy | None = None
    """How all activations start, whatever their actions wish; ``None``: as they wish."""


class Admission:
    """Resolves messages. It raises, for the caller to answer, an error of one of two families."""

    def __init__(
        self,
        settings: AdmissionSettings,
        actions: ActionSource,
        blocked: BlockList,
        runtimes: Runtimes,
    ) -> None:
        self._settings = settings
        self._actions = actions
        self._blocked = blocked
        self._runtimes = runtimes

    async def admit(self, message: ActivationMessage) -> Activation:
        """Resolve the message's action and check what it may use."""
        if message.user.namespace.name in self._blocked:
            raise Blocked(texts.NAMESPACE_BLOCKED)
        action = await self._actions.fetch(message.action, message.revision)
        if not action.execution.executable:
            raise SystemFault(texts.ACTION_MISMATCH)
        exceeded = action.limits.exceeded(message.user.limits, self._settings.limits)
        if exceeded is not None:
            raise ApplicationFault(exceeded)
        content = unlock(message.content, message.locked_args, self._settings.keys)
        environment, arguments = partition_arguments(content, message.init_args)
        image = self._runtimes.image_of(action)
        return Activation(
            message=message,
            action=action,
            job=self._job(message, action, image),
            environment=environment,
            arguments=arguments,
            image=image,
            spares=_spares(action, self._settings.spares),
        )

    def _job(self, message: ActivationMessage, action: Action, image: str) -> Job:
        memory_mb = action.limits.memory_mb
        if memory_mb > self._settings.memory_mb:
            raise SystemFault(
                f"The action needs {memory_mb} MB, and all of this invoker has is "
                f"{self._settings.memory_mb} MB."
            )
        # A template and one worker must fit; else the image runs as a stock one would.
        swift = self._runtimes.forks(image) and 2 * memory_mb <= self._settings.memory_mb
        return Job(
            activation_id=message.activation_id,
            key=ActionKey(
                message.user.namespace.name,
                message.action.fully_qualified,
                action.version,
                action.revision or "",
            ),
            kind=action.execution.kind,
            memory_mb=memory_mb,
            arrived_ms=steady_ms(),
            concurrency=action.limits.concurrency,
            swift=swift,
            policy=_policy(message, action, self._settings.start),
            slots=_slots(action, self._settings.most_slots),
        )


def _policy(message: ActivationMessage, action: Action, forced: Policy | None) -> Policy:
    """The deployment's wish, else the action's. A health action always makes a container."""
    if is_health_action(message):
        return Policy.COLD
    if forced is not None:
        return forced
    wish = action.annotations.get("swift-start", Policy.AUTO.value)
    try:
        return Policy(wish)
    except ValueError:
        _ignored(message, "swift-start", wish, "auto, fork, warm or cold")
        return Policy.AUTO


def _slots(action: Action, most: int) -> int:
    wish = action.annotations.get("swift-slots", most)
    if isinstance(wish, int) and not isinstance(wish, bool) and wish >= 1:
        return min(wish, most)
    return most


def _spares(action: Action, usual: int) -> int:
    wish = action.annotations.get("swift-spares", usual)
    if isinstance(wish, int) and not isinstance(wish, bool) and wish >= 0:
        return min(wish, MOST_SPARES)
    return usual


def _ignored(message: ActivationMessage, name: str, value: object, wanted: str) -> None:
    event(
        logger,
        logging.WARNING,
        "annotation-ignored",
        activation=message.activation_id,
        transid=message.transid.id,
        annotation=name,
        value=str(value)[:80],
        wanted=wanted,
    )


def unresolved(fault: InvokerError) -> InvokerError:
    """The fault as the user is told of it: a system's fault shows no inner detail."""
    if isinstance(fault, ApplicationFault):
        return fault
    return fault if str(fault) in _TOLD else SystemFault(texts.ACTION_FETCH_ERROR)


_TOLD = (texts.ACTION_MISMATCH, texts.ACTION_FETCH_ERROR)
