"""The command line: ``python -m devstack up|down|status|logs|env|demo|clean``."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Sequence

from devstack.client import Client
from devstack.demo import run_demo
from devstack.errors import DevstackError
from devstack.lock import exclusive
from devstack.parts import choose
from devstack.stack import Stack

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry one command out; returns the exit status."""
    given = _parser().parse_args(arguments)
    command: Callable[[Stack, argparse.Namespace], int] = given.command
    try:
        return command(Stack(), given)
    except DevstackError as error:
        print(f"devstack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="bring it up; what is up and right is kept")
    up.add_argument(
        "--only",
        type=_names,
        default=[],
        metavar="PART,...",
        help="only these parts, and what they require",
    )
    up.set_defaults(command=_up)

    down = commands.add_parser("down", help="stop everything; data and what was built stay")
    down.set_defaults(command=_down)

    status = commands.add_parser("status", help="what is up; exit 0 when all of it is")
    status.add_argument("--only", type=_names, default=[], metavar="PART,...")
    status.set_defaults(command=_status)

    logs = commands.add_parser("logs", help="the end of the logs")
    logs.add_argument("parts", nargs="*", metavar="PART")
    logs.add_argument("-n", "--lines", type=int, default=40, help="lines of each (40)")
    logs.set_defaults(command=_logs)

    env = commands.add_parser("env", help="shell exports: eval $(python -m devstack env)")
    env.set_defaults(command=_env)

    demo = commands.add_parser("demo", help="bring it up and run the RDMA demo")
    demo.set_defaults(command=_demo)

    clean = commands.add_parser("clean", help="stop everything, remove what was built and kept")
    clean.set_defaults(command=_clean)
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _up(stack: Stack, given: argparse.Namespace) -> int:
    with exclusive(stack.paths):
        took = stack.up(given.only)
    print(f"up in {took:.1f} s")
    return 0


def _down(stack: Stack, _: argparse.Namespace) -> int:
    with exclusive(stack.paths):
        stopped = stack.down()
    print("stopped: " + (", ".join(stopped) or "nothing was up"))
    return 0


def _status(stack: Stack, given: argparse.Namespace) -> int:
    states = [(part.name, part.state()) for part in choose(stack.parts(), given.only)]
    for name, state in states:
        print(f"{name:<12} {state}")
    return 1 if any(state.startswith("down") for _, state in states) else 0


def _logs(stack: Stack, given: argparse.Namespace) -> int:
    parts = choose(stack.parts(), given.parts) if given.parts else stack.parts()
    for part in parts:
        if given.parts and part.name not in given.parts:
            continue
        for file in part.logs():
            print(f"==> {file} <==")
            if file.exists():
                lines = file.read_text(errors="replace").splitlines()
                print("\n".join(lines[-given.lines :]))
    return 0


def _env(stack: Stack, _: argparse.Namespace) -> int:
    for name, value in stack.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _demo(stack: Stack, _: argparse.Namespace) -> int:
    began = time.monotonic()
    with exclusive(stack.paths):
        took = stack.up()
    print(f"up in {took:.1f} s")
    run_demo(
        Client(stack.api.url, stack.api.authorization),
        stack.memory.peer,
        stack.api.properties,
        lambda line: print(line, flush=True),
    )
    print(f"demo in {time.monotonic() - began:.1f} s, of which {took:.1f} s were bringing it up")
    return 0


def _clean(stack: Stack, _: argparse.Namespace) -> int:
    with exclusive(stack.paths):
        stack.down()
        stack.clean()
    print(f"removed {stack.paths.home}")
    return 0
