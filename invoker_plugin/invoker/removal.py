"""Removes a container for good, as far as Docker lets it."""

from __future__ import annotations

import asyncio
import logging

from invoker_plugin.containers.interface import AnyContainer
from invoker_plugin.errors import SystemFault
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

ATTEMPTS = 3
PAUSE_S = 0.5


async def remove(container: AnyContainer) -> None:
    """Try a few times; what is left then goes at shutdown, or at the next start (150, 151)."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await container.remove()
            return
        except SystemFault as fault:
            event(
                logger,
                logging.ERROR,
                "container-not-removed",
                container=container.id[:12],
                attempt=attempt,
                error=str(fault),
            )
            if attempt < ATTEMPTS:
                await asyncio.sleep(PAUSE_S * attempt)
