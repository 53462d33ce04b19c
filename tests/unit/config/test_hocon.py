"""Sizes and durations in OpenWhisk's notation."""

from __future__ import annotations

import pytest

from invoker_plugin.config.hocon import parse_duration_ms, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2048m", 2048 * 1024**2),
        ("256 MB", 256 * 1024**2),
        ("1 m", 1024**2),
        ("1.5 GB", 3 * 512 * 1024**2),
        ("16 k", 16 * 1024),
        ("2147483648 B", 2**31),
        (" 1048576 ", 2**20),
        ("4GiB", 4 * 1024**3),
    ],
)
def test_size(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("10 minutes", 600_000),
        ("100 ms", 100),
        ("1 minute", 60_000),
        ("5 m", 300_000),
        ("1.5 seconds", 1_500),
        ("2 hours", 7_200_000),
        ("1d", 86_400_000),
        ("300", 300),
        ("2000 us", 2),
    ],
)
def test_duration(text: str, duration_ms: int) -> None:
    assert parse_duration_ms(text) == duration_ms


@pytest.mark.parametrize("text", ["", "m", "-1 m", "1 fortnight", "1 m 2 s", "ten", "1e3 m"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        parse_size(text)
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration_ms(text)
