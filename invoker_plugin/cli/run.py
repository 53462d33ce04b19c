"""``swift-invoker run``: the invoker itself, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal

from invoker_plugin import log
from invoker_plugin.cli.assembly import Assembly
from invoker_plugin.config import arguments as settings_arguments
from invoker_plugin.config.loading import load
from invoker_plugin.config.settings import Settings
from invoker_plugin.invoker.drain import Drain
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
    """Start, wait until someone asks for the end or a part dies, drain."""
    assembly = Assembly(settings)
    _on_signals(assembly.drain)
    loop = asyncio.get_running_loop()
    starting = loop.create_task(assembly.start())
    asked = loop.create_task(assembly.drain.asked())
    try:
        await asyncio.wait([starting, asked], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return await _give_up(starting, assembly)
        starting.result()
        event(
            logger,
            logging.INFO,
            "invoker-up",
            topic=settings.topic,
            user_memory_mb=settings.pool.user_memory_mb,
            port=assembly.port,
        )
        failing = loop.create_task(assembly.invoker.failed())
        await asyncio.wait([asked, failing], return_when=asyncio.FIRST_COMPLETED)
        failed = failing.done()
        if failed:
            assembly.drain.ask("the failure of a part")
        else:
            failing.cancel()
        event(logger, logging.INFO, "invoker-draining", asked_by=assembly.drain.asked_by)
        ended = await assembly.stop()
        if failed:
            failing.result()
    except BaseException:
        await assembly.close()
        raise
    finally:
        asked.cancel()
    return EXIT_OK if ended else EXIT_DRAIN_LIMIT


async def _give_up(starting: asyncio.Task[None], assembly: Assembly) -> int:
    """Asked to end before it was up: nothing was taken yet, so nothing is to be finished."""
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    event(logger, logging.INFO, "start-given-up", asked_by=assembly.drain.asked_by)
    await assembly.close()
    return EXIT_OK


def _on_signals(drain: Drain) -> None:
    """The first signal begins the drain, the second ends the wait for what runs."""

    def told(number: signal.Signals) -> None:
        if drain.asked_by is None:
            drain.ask(number.name)
        else:
            event(logger, logging.WARNING, "drain-hastened", signal=number.name)
            drain.ask(number.name, 0.0)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told, number)
