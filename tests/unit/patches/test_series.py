"""The series is whole: listed, signed, licensed."""

from __future__ import annotations

import re
from pathlib import Path

PATCHES = Path(__file__).resolve().parents[3] / "patches" / "rdma-core"
LISTED = [PATCHES / line for line in (PATCHES / "series").read_text().split()]


def test_the_series_lists_every_patch_in_order() -> None:
    assert sorted(PATCHES.glob("*.patch")) == LISTED


def test_each_patch_is_signed_and_says_what_it_is_for() -> None:
    for patch in LISTED:
        header, _, _ = patch.read_text().partition("\n---\n")
        assert re.search(r"^Signed-off-by: .+ <.+>$", header, re.MULTILINE), patch.name
        assert re.search(r"^Subject: \[PATCH.*\] (libibverbs|providers/\w+): ", header, re.M)
        assert len(header.split("\n\n", 1)[1]) > 200, f"{patch.name}: no reason given"


def test_each_new_source_file_names_its_licence() -> None:
    for patch in LISTED:
        for new_file in re.split(r"^diff --git ", patch.read_text(), flags=re.MULTILINE)[1:]:
            name = new_file.split()[0]
            if "\nnew file mode" in new_file and name.endswith((".c", ".h")):
                assert "GPL-2.0 OR Linux-OpenIB" in new_file, name
