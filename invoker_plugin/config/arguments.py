"""The command line's share of the settings, under OpenWhisk's names and in plain ones."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

_OPTIONS: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "invoker.id": (("--id",), "N", "number of this invoker"),
    "invoker.unique_name": (
        ("--unique-name", "--uniqueName"),
        "NAME",
        "name that stays with the machine",
    ),
    "invoker.displayed_name": (
        ("--displayed-name", "--displayedName"),
        "NAME",
        "name that controllers show",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the settings' options, and ``--config``, to ``parser``."""
    parser.add_argument("--config", metavar="FILE", help="TOML file (docs/configuration.md)")
    for path, (names, metavar, meaning) in _OPTIONS.items():
        parser.add_argument(*names, dest=path, metavar=metavar, help=meaning)


def overrides(arguments: argparse.Namespace) -> dict[str, str | None]:
    """Return what the command line set, by the settings' names."""
    return {path: getattr(arguments, path) for path in _OPTIONS}
