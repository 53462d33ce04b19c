#!/usr/bin/env python3
"""Request to first RDMA completion of a Python action, by kind of start, stock against patched.

    start_kinds.py [--rounds 10] [--images stock,patched] [--kinds KIND,...] [--out DIRECTORY]

Builds what is missing, brings the devstack's RDMA machine up and runs every kind with every image
there in turn, in one boot. Prints a table; writes start-kinds.json and start-kinds.svg.
"""

from __future__ import annotations

import sys

from figures import Figures, figures, label, ratio, table, write
from plot import bars
from rig import DevstackError, bring_up, command_line, images_of

NAME = "start-kinds"
TOTAL = "first_completion"
SHOWN = [TOTAL, "container", "init", "fork", "function", "rdma"]


def ratios(found: Figures) -> dict[str, float]:
    """How many times faster than a cold process with the first image's libraries; from medians."""
    baseline = next(name for name in found if name.endswith(" process"))
    return {
        f"{baseline} / {name}": ratio(found, baseline, name, TOTAL)
        for name in found
        if name != baseline and TOTAL in found[name]
    }


def main() -> int:
    """The command line; the exit status."""
    parser = command_line(__doc__, rounds=10)
    parser.add_argument("--kinds", default="process,cold,prewarm,warm,fork,spare,fork_undeclared")
    given = parser.parse_args()
    try:
        rig = bring_up(images_of(given))
        options = ["--rounds", str(given.rounds), "--kinds", given.kinds]
        raw = rig.measure("start_kinds.py", *options)
    except DevstackError as error:
        print(f"start_kinds.py: {error}", file=sys.stderr)
        return 1
    found = figures(raw["samples"])
    write(given.out, NAME, raw, found, ratios(found))
    title = "Request to first RDMA completion, Python action"
    rows = {name: row[TOTAL] for name, row in found.items()}
    (given.out / f"{NAME}.svg").write_text(bars(rows, title, label(raw["conditions"])))
    print(f"{label(raw['conditions'])}; {raw['conditions']}")
    print(table(found, SHOWN))
    for name, value in ratios(found).items():
        print(f"{name}: {value:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
