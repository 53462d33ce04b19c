"""The controllers' test of an invoker: an action that must make a container (behaviour 140)."""

from __future__ import annotations

import logging

from invoker_plugin.log import event
from invoker_plugin.wire.activation import ActivationMessage
from invoker_plugin.wire.response import ActivationResponse

logger = logging.getLogger(__name__)

NAMESPACE = "whisk.system"
NAME = "invokerHealthTestAction"


def is_health_action(message: ActivationMessage) -> bool:
    """Whether a controller tests us with it. One that reused a container would hide a sick Docker
    (OpenWhisk #2884)."""
    return message.action.path == NAMESPACE and message.action.name.startswith(NAME)


def log_result(message: ActivationMessage, response: ActivationResponse) -> None:
    """Say how a test ended: a controller calls us unhealthy by these (OpenWhisk #5154)."""
    if not is_health_action(message):
        return
    event(
        logger,
        logging.INFO if response.is_success else logging.WARNING,
        "health-action",
        activation=message.activation_id,
        transid=message.transid.id,
        status=response.status_code,
        system_error=response.is_whisk_error,
        error=None if response.is_success else str(response.result)[:200],
    )
