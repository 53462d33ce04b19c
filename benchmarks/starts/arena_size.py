#!/usr/bin/env python3
"""Forks of templates that have registered 1, 64 and 512 MiB: their time must not grow with it.

    arena_size.py [--rounds 10] [--sizes 1,64,512] [--images patched] [--out DIRECTORY]

Otherwise as start_kinds.py; writes arena-size.json and arena-size.svg. With stock libraries a
template shares no memory (see docs/runtime-protocol.md, rungs), so only the patched image tells.
"""

from __future__ import annotations

import sys

from figures import Figures, figures, label, table, write
from plot import bars
from rig import DevstackError, bring_up, command_line, images_of

NAME = "arena-size"
TOTAL = "first_completion"
SHOWN = [TOTAL, "fork", "function"]


def ratios(found: Figures) -> dict[str, float]:
    """How many times the smallest arena's time each takes; from minima and medians."""
    result: dict[str, float] = {}
    for name, row in found.items():
        first = next(other for other in found if other.split()[0] == name.split()[0])
        for of in ("minimum", "median"):
            least = getattr(found[first][TOTAL], of)
            result[f"{name} / {first}, {of}"] = getattr(row[TOTAL], of) / least
    return result


def main() -> int:
    """The command line; the exit status."""
    parser = command_line(__doc__, rounds=10)
    parser.add_argument("--sizes", default="1,64,512", help="MiB of all slots together")
    parser.set_defaults(images="patched")
    given = parser.parse_args()
    try:
        rig = bring_up(images_of(given))
        options = ["--rounds", str(given.rounds), "--sizes", given.sizes]
        raw = rig.measure("arena_size.py", *options)
    except DevstackError as error:
        print(f"arena_size.py: {error}", file=sys.stderr)
        return 1
    found = figures(raw["samples"])
    write(given.out, NAME, raw, found, ratios(found))
    title = "Fork request to first RDMA completion, by size of the registered arena"
    rows = {name: row[TOTAL] for name, row in found.items()}
    (given.out / f"{NAME}.svg").write_text(bars(rows, title, label(raw["conditions"])))
    print(f"{label(raw['conditions'])}; {raw['conditions']}")
    print(table(found, SHOWN))
    for name, value in ratios(found).items():
        print(f"{name}: {value:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
