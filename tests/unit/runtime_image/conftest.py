from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.runtime_image.harness import Runtime, runtime


@pytest.fixture
def swift() -> Iterator[Runtime]:
    """A fresh runtime, not initialised."""
    with runtime() as started:
        yield started
