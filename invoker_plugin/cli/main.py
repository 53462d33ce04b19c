"""``swift-invoker``: run, check, cache, drain, compare."""

from __future__ import annotations

import argparse
import importlib
import sys

from invoker_plugin import __version__
from invoker_plugin.errors import ConfigurationError, InvokerError

COMMANDS = ("run", "check", "cache", "drain", "compare")
EXIT_FAILED = 1
EXIT_CONFIGURATION = 78
"""``EX_CONFIG`` of sysexits.h: a service manager need not try again."""


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; its exit code. Every error is one line that says what to do."""
    parser = argparse.ArgumentParser(
        prog="swift-invoker",
        description="An Apache OpenWhisk invoker that starts RDMA functions by fork.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    given = sys.argv[1:] if arguments is None else arguments
    # the clients of Kafka and Docker take long to import, and not every command uses them
    for name in given[:1] if given[:1] and given[0] in COMMANDS else COMMANDS:
        importlib.import_module(f"invoker_plugin.cli.{name}").add_parser(subparsers)
    chosen = parser.parse_args(given)
    try:
        code: int = chosen.handler(chosen)
    except ConfigurationError as fault:
        print(f"swift-invoker: {fault}", file=sys.stderr)
        return EXIT_CONFIGURATION
    except InvokerError as fault:
        print(f"swift-invoker: {fault}", file=sys.stderr)
        return EXIT_FAILED
    return code


if __name__ == "__main__":
    sys.exit(main())
