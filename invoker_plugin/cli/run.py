"""``swift-invoker run``: the invoker itself, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal

from invoker_plugin import log
from invoker_plugin.cli.assembly import Assembly
from invoker_plugin.config import arguments as settings_arguments
from invoker_plugin.config.loading import load
from invoker_plugin.config.settings import Settings
from invoker_plugin.log import event

logger = logging.getLogger(__name__)

EXIT_OK = 0
EXIT_DRAIN_LIMIT = 3
"""Activations were still running when the drain's limit was reached."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("run", help="run the invoker", description=__doc__)
    settings_arguments.add_arguments(parser)
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until told to stop; the exit code. Raises ``InvokerError`` where it cannot start."""
    settings = load(os.environ, arguments.config, settings_arguments.overrides(arguments))
    log.configure(settings.invoker.log_level)
    for warning in settings.warnings:
        event(logger, logging.WARNING, "setting-doubtful", warning=warning)
    return asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    """Start, wait for a signal or for the death of a part, drain. Signals only set an event."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    assembly = Assembly(settings)
    try:
        await assembly.start()
        event(
            logger,
            logging.INFO,
            "invoker-up",
            topic=settings.topic,
            user_memory_mb=settings.pool.user_memory_mb,
            port=assembly.port,
        )
        waits = [loop.create_task(told.wait()), loop.create_task(assembly.invoker.failed())]
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        event(logger, logging.INFO, "invoker-draining", told=told.is_set())
        ended = await assembly.stop()
        for task in done:
            task.result()
    except BaseException:
        await assembly.close()
        raise
    return EXIT_OK if ended else EXIT_DRAIN_LIMIT
