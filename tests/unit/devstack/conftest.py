"""A devstack home of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "home")
    made.create()
    return made
