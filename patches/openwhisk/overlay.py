#!/usr/bin/env python3
"""Put swift-invoker's files into a checkout of OpenWhisk, or take them out.

overlay.py apply CHECKOUT     what is there and right is kept
overlay.py remove CHECKOUT    everything as it was
overlay.py status CHECKOUT    exit code 0: applied; 3: not applied; 4: applied, edited since
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from swift_overlay import overlay
from swift_overlay.checkout import MANIFEST, Checkout
from swift_overlay.errors import OverlayError
from swift_overlay.manifest import Kind
from swift_overlay.overlay import Change, Wanted

FAILED, NOT_APPLIED, EDITED = 1, 3, 4


def main(argv: Sequence[str] | None = None) -> int:
    """The command; the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "status":
            return _status(arguments.checkout, arguments.json)
        return _tell(_change(arguments), arguments)
    except OverlayError as error:
        print(f"overlay: {error}", file=sys.stderr)
    except OSError as error:
        print(f"overlay: {error.filename}: {error.strerror}", file=sys.stderr)
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="overlay.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    apply = commands.add_parser("apply", help="put our files in")
    default = Kind()
    apply.add_argument("--kind", default=default.name, help="default: %(default)s")
    apply.add_argument("--image", default=default.image, metavar="[PREFIX/]NAME:TAG",
                       help="of that kind; default: %(default)s")  # fmt: skip
    apply.add_argument("--pull", action="store_true",
                       help="OpenWhisk's playbook shall pull it on all invoker hosts")  # fmt: skip
    apply.add_argument("--stem-cells", type=int, default=default.stem_cells, metavar="N",
                       help="prewarmed containers on each invoker; default: none")  # fmt: skip
    apply.add_argument("--stem-cell-memory", default=default.stem_cell_memory, metavar="SIZE",
                       help="default: %(default)s")  # fmt: skip
    apply.add_argument("--manifest", default=MANIFEST, metavar="FILE",
                       help="within the checkout; default: %(default)s")  # fmt: skip
    apply.add_argument("--no-balancer", action="store_true",
                       help="leave the load balancer (all invokers are of one sort)")  # fmt: skip
    remove = commands.add_parser("remove", help="take our files out")
    for command in (apply, remove):
        command.add_argument("--check", action="store_true", help="only tell what would change")
    status = commands.add_parser("status", help="tell whether our files are in")
    for command in (apply, remove, status):
        command.add_argument("--json", action="store_true", help="tell it in JSON")
        command.add_argument("checkout", type=Path)
    return parser


def _change(arguments: argparse.Namespace) -> list[Change]:
    root: Path = arguments.checkout
    if arguments.command == "remove":
        return overlay.remove(root, pretend=arguments.check)
    kind = Kind(
        name=arguments.kind,
        image=arguments.image,
        pulled=arguments.pull,
        stem_cells=arguments.stem_cells,
        stem_cell_memory=arguments.stem_cell_memory,
    )
    wanted = Wanted(kind, balancer=not arguments.no_balancer, manifest=arguments.manifest)
    return overlay.apply(Checkout.find(root), wanted, pretend=arguments.check)


def _tell(changes: list[Change], arguments: argparse.Namespace) -> int:
    if arguments.json:
        print(json.dumps({"changed": bool(changes), "changes": [str(one) for one in changes]}))
        return 0
    for change in changes:
        print(f"{'would ' if arguments.check else ''}{change}")
    if not changes:
        print("nothing to do")
    return 0


def _status(root: Path, as_json: bool) -> int:
    applied, differing = overlay.status(root)
    if as_json:
        print(json.dumps({"applied": applied, "differing": differing}))
    else:
        print("applied" if applied else "not applied", *differing, sep="\n")
    if not applied:
        return NOT_APPLIED
    return EDITED if differing else 0


if __name__ == "__main__":
    sys.exit(main())
