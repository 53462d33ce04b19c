#!/usr/bin/env python3
"""The data path in containers, stock image against patched, and of a forked child.

    data_path.py [--rounds 15] [--images stock,patched] [--what THING,...] [--out DIRECTORY]

Debian's perftest (unmodified, the machine's) runs on each image's libraries; a Python loop of
writes runs in the process that made the queue pair, without and with fork mode, and in a forked
child. Otherwise as start_kinds.py; writes data-path.json and data-path.svg.
"""

from __future__ import annotations

import sys

from figures import Figures, figures, label, table, write
from plot import bars
from rig import DevstackError, bring_up, command_line, images_of

NAME = "data-path"
SHOWN = ["minimum_us", "typical_us", "average_mib_s"]
_BANDWIDTH = "average_mib_s"
_BESIDE = {"fork_mode": "parent", "child": "fork_mode"}
"""What differs in one thing: the doorbell, then the process."""


def ratios(found: Figures) -> dict[str, float]:
    """Each by the first image's of the same kind, and by what is beside it; from medians."""
    baseline = next(iter(found)).split()[0]
    result: dict[str, float] = {}
    for name, row in found.items():
        image, what = name.split()
        stage = _BANDWIDTH if _BANDWIDTH in row else "typical_us"
        others = [f"{baseline} {what}"] if image != baseline else []
        others += [f"{image} {_BESIDE[what]}"] if what in _BESIDE else []
        for other in others:
            if stage in row and stage in found.get(other, {}):
                result[f"{name} / {other}"] = row[stage].median / found[other][stage].median
    return result


def main() -> int:
    """The command line; the exit status."""
    parser = command_line(__doc__, rounds=15)
    parser.add_argument(
        "--what", default="ib_write_lat,ib_write_bw,ib_send_bw,parent,fork_mode,child"
    )
    given = parser.parse_args()
    try:
        rig = bring_up(images_of(given))
        options = ["--rounds", str(given.rounds), "--what", given.what]
        raw = rig.measure("data_path.py", *options)
    except DevstackError as error:
        print(f"data_path.py: {error}", file=sys.stderr)
        return 1
    found = figures(raw["samples"])
    write(given.out, NAME, raw, found, ratios(found), unit="as the stage's name says")
    title = "Write of 64 bytes, post to completion, in a container"
    rows = {name: row["typical_us"] for name, row in found.items() if "typical_us" in row}
    picture = bars(rows, title, label(raw["conditions"]), unit="us")
    (given.out / f"{NAME}.svg").write_text(picture)
    print(f"{label(raw['conditions'])}; {raw['conditions']}")
    print(table(found, SHOWN))
    for name, value in ratios(found).items():
        print(f"{name}: {value:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
