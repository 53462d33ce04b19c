"""``swift-invoker check``: validates the settings and the machine, with a remedy for each fault."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping

from invoker_plugin.cli import (
    check_docker,
    check_fork,
    check_kafka,
    check_rdma,
    check_spool,
    check_store,
)
from invoker_plugin.cli.check_fork import ForkOptions
from invoker_plugin.cli.check_report import Finding, as_json, as_table, failed
from invoker_plugin.config import arguments as settings_arguments
from invoker_plugin.config.loading import load
from invoker_plugin.config.settings import Settings
from invoker_plugin.errors import ConfigurationError, InvokerError

EXIT_OK = 0
EXIT_FAILED = 1
_LIMIT_S = 120.0
"""For each part; a container's start alone takes seconds on an emulated machine."""

Check = Callable[[Settings], Awaitable[list[Finding]]]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "check", help="check the settings and this machine", description=__doc__
    )
    settings_arguments.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    fork = parser.add_argument_group("trying forks on the RDMA device")
    usual = ForkOptions()
    fork.add_argument("--fork", action="store_true", help="try them, instead of all else")
    fork.add_argument("--image", help="in this image; default: all Swift images of the manifest")
    for name, meaning in (
        ("slots", "children at once"),
        ("rounds", "how often each slot is used"),
        ("seconds", "most time of each image"),
    ):
        default = getattr(usual, name)
        fork.add_argument(
            f"--{name}", type=int, default=default, help=f"{meaning} (default {default})"
        )
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; 0 when nothing failed, else 1."""
    fork = None
    if arguments.fork:
        numbers = (arguments.slots, arguments.rounds, arguments.seconds)
        if min(numbers) < 1:
            raise ConfigurationError("--slots, --rounds and --seconds are 1 or more")
        fork = ForkOptions(*numbers, image=arguments.image)
    overrides = settings_arguments.overrides(arguments)
    findings = find(os.environ, arguments.config, overrides, fork)
    print(as_json(findings) if arguments.json else as_table(findings))
    return EXIT_FAILED if failed(findings) else EXIT_OK


def find(
    environ: Mapping[str, str],
    config: str | None = None,
    overrides: Mapping[str, str | None] | None = None,
    fork: ForkOptions | None = None,
) -> list[Finding]:
    """All findings. Settings that can't be read leave nothing else to check.

    With ``fork`` that is tried, after the checks of the RDMA device, and nothing else.
    """
    try:
        settings = load(environ, config, overrides)
    except ConfigurationError as error:
        return [_fault(line) for line in str(error).splitlines()]
    read = f"of invoker {settings.invoker.id}, topic {settings.topic}"
    findings = [Finding("settings", "ok", read)]
    findings += [Finding("settings", "warn", warning) for warning in settings.warnings]
    if fork is not None:
        return findings + asyncio.run(_forks(settings, fork))
    return findings + asyncio.run(_machine(settings))


def _fault(line: str) -> Finding:
    """A setting's fault; what follows its last semicolon is what to do."""
    seen, _, remedy = line.rpartition("; ")
    return Finding("settings", "fail", seen or remedy, remedy if seen else "")


async def _forks(settings: Settings, fork: ForkOptions) -> list[Finding]:
    device = check_rdma.check(settings)
    if failed(device):
        return device
    return device + await check_fork.check(settings, fork)


async def _machine(settings: Settings) -> list[Finding]:
    """The checks that need the machine: side by side, each within its time."""
    checks: dict[str, Check] = {
        "docker": check_docker.check,
        "kafka": _in_thread(check_kafka.check),
        "store": _in_thread(check_store.check),
        "spool": _in_thread(check_spool.check),
        "rdma-device": _in_thread(check_rdma.check),
    }
    found = await asyncio.gather(
        *(_bounded(name, check, settings) for name, check in checks.items())
    )
    return [finding for findings in found for finding in findings]


def _in_thread(check: Callable[[Settings], list[Finding]]) -> Check:
    return lambda settings: asyncio.to_thread(check, settings)


async def _bounded(name: str, check: Check, settings: Settings) -> list[Finding]:
    try:
        return await asyncio.wait_for(check(settings), _LIMIT_S)
    except asyncio.TimeoutError:
        return [Finding(name, "fail", f"no answer within {_LIMIT_S:.0f} s", "see why it hangs")]
    except (InvokerError, OSError) as error:
        return [Finding(name, "fail", " ".join(str(error).split()))]
