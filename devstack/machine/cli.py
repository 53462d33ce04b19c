"""The command line: ``python -m devstack.machine up|build|down|status|ssh|load``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from devstack.errors import DevstackError
from devstack.lock import exclusive
from devstack.machine import qemu
from devstack.machine.engine import open_engine
from devstack.machine.machine import RdmaMachine, machine_kind, machine_programs, open_machine
from devstack.packages import ensure_programs
from devstack.paths import Paths
from devstack.steps import Step, run_steps

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry one command out; returns the exit status."""
    given = _parser().parse_args(arguments)
    command: Callable[[Paths, argparse.Namespace], int] = given.command
    try:
        return command(Paths.find(), given)
    except DevstackError as error:
        print(f"machine: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack.machine", description=__doc__)
    parser.add_argument("--systemd", action="store_true", help="boot with systemd as init")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("up", _up, "have the machine and the host's Docker Engine up"),
        ("build", _build, "make the machine's disks"),
        ("down", _down, "end both"),
        ("status", _status, "what is up; exit 0 when the machine is"),
    ):
        commands.add_parser(name, help=text).set_defaults(command=command)
    shell = commands.add_parser("ssh", help="a shell, or a command, on the machine")
    shell.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    shell.set_defaults(command=_ssh)
    load = commands.add_parser("load", help="have an image of the host's engine on the machine")
    load.add_argument("tag")
    load.set_defaults(command=_load)
    return parser


def _open(paths: Paths, given: argparse.Namespace) -> RdmaMachine:
    return open_machine(paths, init=qemu.SYSTEMD_INIT if given.systemd else qemu.SMALL_INIT)


def _up(paths: Paths, given: argparse.Namespace) -> int:
    with exclusive(paths):
        machine = _open(paths, given)
        run_steps(
            [
                Step("programs", lambda: _programs(paths)),
                Step("engine: running", open_engine(paths).up, ("programs",)),
                Step("machine: disk", machine.build, ("programs",)),
                Step("machine: running", machine.up, ("machine: disk", "engine: running")),
            ]
        )
    return 0


def _build(paths: Paths, given: argparse.Namespace) -> int:
    with exclusive(paths):
        machine = _open(paths, given)
        run_steps(
            [
                Step("programs", lambda: _programs(paths)),
                Step("machine: disk", machine.build, ("programs",)),
            ]
        )
    return 0


def _down(paths: Paths, given: argparse.Namespace) -> int:
    with exclusive(paths):
        ended = {"machine": _open(paths, given).down(), "engine": open_engine(paths).down()}
    print("stopped: " + (", ".join(name for name, was in ended.items() if was) or "nothing"))
    return 0


def _status(paths: Paths, given: argparse.Namespace) -> int:
    state = _open(paths, given).status()
    print(f"machine      {state}\nengine       {open_engine(paths).status()}")
    return 1 if state.startswith("down") else 0


def _ssh(paths: Paths, given: argparse.Namespace) -> int:
    argv = _open(paths, given).command(given.words, terminal=sys.stdin.isatty())
    os.execvp(argv[0], argv)


def _load(paths: Paths, given: argparse.Namespace) -> int:
    with exclusive(paths):
        _open(paths, given).load_image(given.tag)
    return 0


def _programs(paths: Paths) -> str:
    return ensure_programs(paths, machine_programs(machine_kind(paths)))
