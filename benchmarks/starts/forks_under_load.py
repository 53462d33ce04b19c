#!/usr/bin/env python3
"""Forks of one template at once: time to the last completion, private memory of each child.

    forks_under_load.py [--rounds 5] [--counts 1,4,16,64] [--images stock,patched] [--out DIRECTORY]

Otherwise as start_kinds.py; writes forks-under-load.json and forks-under-load.svg.
"""

from __future__ import annotations

import sys

from figures import Figures, figures, label, table, write
from plot import bars
from rig import DevstackError, bring_up, command_line, images_of

NAME = "forks-under-load"
SHOWN = ["first_completion", "median_completion", "last_completion", "private_kib"]


def ratios(found: Figures) -> dict[str, float]:
    """How many times a single fork's time the last of N takes; from medians."""
    return {
        f"{name} / {name.split()[0]} 1": row["last_completion"].median
        / found[f"{name.split()[0]} 1"]["last_completion"].median
        for name, row in found.items()
    }


def main() -> int:
    """The command line; the exit status."""
    parser = command_line(__doc__, rounds=5)
    parser.add_argument("--counts", default="1,4,16,64")
    given = parser.parse_args()
    try:
        rig = bring_up(images_of(given))
        options = ["--rounds", str(given.rounds), "--counts", given.counts]
        raw = rig.measure("forks_under_load.py", *options)
    except DevstackError as error:
        print(f"forks_under_load.py: {error}", file=sys.stderr)
        return 1
    found = figures(raw["samples"])
    write(given.out, NAME, raw, found, ratios(found))
    title = "Forks of one template at once: request to the last one's first RDMA completion"
    rows = {f"{name} at once": row["last_completion"] for name, row in found.items()}
    (given.out / f"{NAME}.svg").write_text(bars(rows, title, label(raw["conditions"])))
    print(f"{label(raw['conditions'])}; {raw['conditions']}")
    print(table(found, SHOWN))
    return 0


if __name__ == "__main__":
    sys.exit(main())
